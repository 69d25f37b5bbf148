// Makes a PGlite directory as an install does: with the npm package itself, none of our code in between.
//
//   node make.mjs ENGINE VECTOR DIRECTORY DATABASE STATEMENTS [hold]
//
// Then it closes the directory; with `hold` it keeps it open until its input ends and runs each line of it.
import { createInterface } from 'node:readline'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const [engine, vectorModule, dataDir, database, file, hold] = process.argv.slice(2)
const contrib = {}
for (const name of (process.env.CONTRIB ?? '').split(',').filter(Boolean)) {
  contrib[name] = (await import(join(dirname(engine), 'contrib', `${name}.js`)))[name]
}
const { PGlite } = await import(engine)
const { vector } = await import(vectorModule)
const db = await PGlite.create({ dataDir, extensions: { vector, ...contrib }, ...(database ? { database } : {}) })
if (file) await db.exec(readFileSync(file, 'utf8'))
if (hold) {
  console.log('open')
  for await (const line of createInterface({ input: process.stdin })) {
    await db.exec(line)
    console.log('done')
  }
}
await db.close()
