-- Run once, by the image, in the database `mosaic` of a new cluster; the superuser is POSTGRES_USER.
-- psql reads the password itself: it stands on no command line and in no environment.
\set ON_ERROR_STOP on
\set password `cat /run/secrets/federated-postgres`

-- CREATEDB: a rehearsal of a migration makes a scratch database. The role is no superuser.
CREATE ROLE mosaic LOGIN CREATEDB PASSWORD :'password';
ALTER DATABASE mosaic OWNER TO mosaic;

-- pgvector is not a trusted extension: only a superuser can enable it, so it happens here.
CREATE EXTENSION IF NOT EXISTS vector;
