// Opens one PGlite directory and speaks the PostgreSQL protocol on a Unix socket. Started by tiers/pglite/host.py:
//
//   node host.mjs '{"engine", "vector", "dataDir", "database", "socket", "stepwise"}'
//
// Prints one line of JSON when it listens ({"version"}) or cannot ({"error"}), and ends when its standard input ends:
// no engine outlives the process that owns it. PGlite has one backend: a client owns it from its first message until the
// backend is outside of a transaction; what a client leaves behind is rolled back.
import { createReadStream, existsSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'

const options = JSON.parse(process.argv[2])
const CANCEL_REQUEST = 80877102
const ENCRYPTION_REQUESTS = [80877103, 80877104] // TLS, GSSAPI
const LONGEST_STARTUP = 10_000 // PostgreSQL's own limit
const REPORTED = [
  'server_version', 'server_encoding', 'client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone', 'integer_datetimes',
  'standard_conforming_strings',
]
const [QUERY, PARSE, SYNC, FLUSH, TERMINATE] = ['Q', 'P', 'S', 'H', 'X'].map((type) => type.charCodeAt(0))
const [ERROR, READY, COMPLETE] = ['E', 'Z', 'C'].map((type) => type.charCodeAt(0))
const COPY_OUT = /^\s*COPY\s[^]*\sTO\s+STDOUT\b/i
const LAST_TARGET = /(\sTO\s+)STDOUT\b(?![^]*\sTO\s+STDOUT\b)/i // a text in the query may hold the words as well

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n')

function message(type, ...parts) {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const text = (value) => Buffer.from(value + '\0')

function int32(...values) {
  const buffer = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => buffer.writeInt32BE(value, 4 * index))
  return buffer
}

function refusal(state, words) {
  return message('E', text('SFATAL'), text('VFATAL'), text('C' + state), text('M' + words), Buffer.from([0]))
}

function has(answer, type) {
  for (let at = 0; at + 5 <= answer.length; at += 1 + answer.readInt32BE(at + 1)) if (answer[at] === type) return true
  return false
}

const endsReady = (answer) => answer.length >= 6 && answer[answer.length - 6] === READY

// --- the backend -----------------------------------------------------------------------------------------------------

const { PGlite } = await import(options.engine)
const { vector } = await import(options.vector)
const open = (extensions) => PGlite.create({ dataDir: options.dataDir, database: options.database, extensions })

// A type or operator of an extension works only when the engine was started with it, and the directory knows which it has.
// Its names are data from somebody: one that could be a path would have us run a file of theirs.
async function otherExtensions() {
  const { rows } = await db.query(`SELECT extname FROM pg_extension WHERE extname NOT IN ('plpgsql', 'vector')`)
  const found = {}
  for (const { extname } of rows) {
    const name = extname.replaceAll('-', '_')
    if (!/^\w+$/.test(name)) continue
    const file = join(dirname(options.engine), 'contrib', `${name}.js`)
    if (existsSync(file)) found[name] = (await import(file))[name]
  }
  return found
}

let db
try {
  db = await open({ vector })
  const others = await otherExtensions()
  if (Object.keys(others).length) {
    await db.close()
    db = await open({ vector, ...others })
  }
} catch (error) {
  say({ error: String(error?.message ?? error).slice(0, 200) })
  process.exit(1)
}

async function value(expression) {
  const { rows } = await db.query(`SELECT ${expression} AS value`)
  return rows[0].value
}

async function execute(bytes) {
  try {
    return Buffer.from(await db.execProtocolRaw(bytes))
  } catch {
    process.exit(1) // the WebAssembly module is unusable after it trapped
  }
}

// PGlite 0.2 takes one message at a time: after an error it would read the rest of a batch as another message, and it
// announces that it is ready after each of them.
async function executeBatch(messages) {
  if (!options.stepwise) return execute(Buffer.concat(messages))
  const parts = []
  let isFailed = false
  for (const one of messages) {
    const isLast = one[0] === SYNC || one[0] === QUERY
    if (isFailed && !isLast) continue
    const answer = await execute(one)
    parts.push(!isLast && endsReady(answer) ? answer.subarray(0, answer.length - 6) : answer)
    isFailed ||= has(answer, ERROR)
  }
  return Buffer.concat(parts)
}

const directory = await value(`current_setting('data_directory')`)
const database = await value('current_database()')
const greeting = [message('R', int32(0))]
for (const name of REPORTED) greeting.push(message('S', text(name), text(await value(`current_setting('${name}')`))))
greeting.push(message('K', int32(await value('pg_backend_pid()'), 0)), message('Z', Buffer.from('I')))

// --- the clients -----------------------------------------------------------------------------------------------------

const clients = new Set()
let owner = null
let isBusy = false
let copies = 0

class Client {
  constructor(socket) {
    this.socket = socket
    this.received = Buffer.alloc(0)
    this.batch = [] // messages up to the next Sync
    this.batches = []
    this.isStarted = false
    this.isGone = false
    this.isIdle = true
    this.wasServed = false
  }

  receive(chunk) {
    this.received = this.received.length ? Buffer.concat([this.received, chunk]) : chunk
    while (this.isStarted ? this.takeMessage() : this.takeStartup());
    work()
  }

  takeStartup() {
    if (this.received.length < 8) return false
    const length = this.received.readInt32BE(0)
    const code = this.received.readInt32BE(4)
    if (length < 8 || length > LONGEST_STARTUP || code === CANCEL_REQUEST) return this.leave()
    if (this.received.length < length) return false
    const given = this.received.subarray(8, length).toString().split('\0')
    this.received = this.received.subarray(length)
    if (ENCRYPTION_REQUESTS.includes(code)) return this.socket.write('N')
    const wanted = given[given.indexOf('database') + 1]
    this.settings = settingsOf(given)
    if (wanted !== database) {
      this.socket.write(refusal('3D000', `database "${wanted}" does not exist`))
      return this.leave()
    }
    this.socket.write(Buffer.concat(greeting))
    return (this.isStarted = true)
  }

  takeMessage() {
    if (this.received.length < 5) return false
    const length = 1 + this.received.readInt32BE(1)
    if (this.received.length < length) return false
    const one = this.received.subarray(0, length)
    this.received = this.received.subarray(length)
    if (one[0] === TERMINATE) return this.leave()
    this.batch.push(one)
    if ([QUERY, SYNC, FLUSH].includes(one[0])) this.batches.push(this.batch.splice(0))
    return true
  }

  leave() {
    this.socket.end()
    return false
  }

  async send(bytes) {
    if (this.isGone || this.socket.write(bytes)) return
    await new Promise((resolve) => {
      this.socket.once('drain', resolve)
      this.socket.once('close', resolve)
    })
  }

  async serve(batch) {
    this.isIdle = false
    if (!this.wasServed) await this.begin()
    const statement = copyOut(batch)
    const answer = statement ? await this.sendCopy(statement) : await executeBatch(batch)
    if (endsReady(answer)) this.isIdle = answer[answer.length - 1] === 'I'.charCodeAt(0)
    await this.send(answer)
  }

  async begin() {
    this.wasServed = true
    for (const [name, value] of this.settings) {
      try {
        await db.query('SELECT set_config($1, $2, false)', [name, value])
      } catch {
        // not a setting of this version
      }
    }
  }

  // The engine would build a whole COPY in its memory, ten times its size, and 0.2 traps beyond 12 MB. Through a file the
  // memory stays flat. Returns what ends the answer.
  async sendCopy(statement) {
    const name = `mosaic-copy-${(copies += 1)}` // a new one each time: the engine remembers files that we remove
    const toFile = statement.replace(LAST_TARGET, (_, to) => `${to}'${directory}/${name}'`)
    const answer = await execute(message('Q', text(toFile)))
    if (has(answer, ERROR) || !has(answer, COMPLETE)) return answer
    const isBinary = /\bBINARY\b[^']*$/i.test(statement)
    await this.send(message('H', Buffer.from([Number(isBinary), 0, 0])))
    const file = join(options.dataDir, name)
    for await (const rows of rowsOf(file, isBinary ? endOfTuple : endOfLine)) {
      await this.send(Buffer.concat(rows.map((row) => message('d', row))))
    }
    rmSync(file)
    await this.send(message('c'))
    return answer
  }
}

// PostgreSQL sends each row as a message of its own, the binary form's header along with the first.
async function* rowsOf(file, endOf) {
  let left = Buffer.alloc(0)
  let isFirst = true
  for await (const block of createReadStream(file, { highWaterMark: 1 << 18 })) {
    left = left.length ? Buffer.concat([left, block]) : block
    const rows = []
    for (let end; (end = endOf(left, isFirst)) > 0; left = left.subarray(end), isFirst = false) {
      rows.push(left.subarray(0, end))
    }
    if (rows.length) yield rows
  }
  if (left.length) yield [left]
}

const BINARY_HEADER = 19

function endOfTuple(bytes, isFirst) {
  let at = isFirst ? BINARY_HEADER : 0
  if (bytes.length < at + 2) return 0
  const fields = bytes.readInt16BE(at)
  at += 2
  for (let field = 0; field < fields; field += 1) {
    if (bytes.length < at + 4) return 0
    at += 4 + Math.max(0, bytes.readInt32BE(at))
  }
  return bytes.length < at ? 0 : at
}

const endOfLine = (bytes) => bytes.indexOf(0x0a) + 1

// What a client asks for when it connects: parameters by name, and `-c name=value` or `--name=value` in `options`.
function settingsOf(given) {
  const found = []
  for (let at = 0; at + 1 < given.length && given[at]; at += 2) {
    const [name, value] = [given[at], given[at + 1]]
    if (name === 'options') {
      for (const [, key, text] of value.matchAll(/(?:-c\s*|--)([\w.-]+)=((?:\\.|\S)*)/g)) {
        found.push([key.replaceAll('-', '_'), text.replace(/\\(.)/g, '$1')])
      }
    } else if (!['user', 'database', 'replication'].includes(name)) found.push([name, value])
  }
  return found
}

function copyOut(batch) {
  const first = batch[0]
  if (first[0] !== QUERY && first[0] !== PARSE) return null
  const from = first[0] === QUERY ? 5 : first.indexOf(0, 5) + 1
  const statement = first.toString('utf8', from, first.indexOf(0, from))
  return COPY_OUT.test(statement) ? statement : null
}

async function work() {
  if (isBusy) return
  isBusy = true
  for (;;) {
    owner ??= [...clients].find((client) => client.batches.length || client.isGone) ?? null
    if (owner === null) break
    if (owner.isGone) await forget(owner)
    else if (owner.batches.length) await owner.serve(owner.batches.shift())
    else if (owner.isIdle) owner = null
    else break
  }
  isBusy = false
}

async function forget(client) {
  clients.delete(client)
  owner = null
  if (!client.isIdle) await db.exec('ROLLBACK')
  if (![...clients].some((other) => other.wasServed)) await db.exec('DISCARD ALL')
}

const server = createServer((socket) => {
  const client = new Client(socket)
  clients.add(client)
  socket.on('data', (chunk) => client.receive(chunk))
  socket.on('error', () => socket.destroy())
  socket.on('close', () => {
    client.isGone = true
    work()
  })
})

async function stop() {
  server.close()
  for (const client of clients) client.socket.destroy()
  while (isBusy) await new Promise((resolve) => setTimeout(resolve, 10))
  await db.close()
  if (!isAsked) rmSync(dirname(options.socket), { recursive: true, force: true }) // its owner is gone
  process.exit(0)
}

let isAsked = false
process.stdin.on('data', () => (isAsked = true))
process.stdin.on('end', stop)
process.stdin.on('error', stop)
process.umask(0o077)
rmSync(options.socket, { force: true }) // of an engine that was killed
server.listen(options.socket, async () => say({ version: await value(`current_setting('server_version')`) }))
