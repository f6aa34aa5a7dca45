-- Digests of layers and keys are 32-byte blobs; digests of blobs and images are text; times are microseconds since 1970.

CREATE TABLE images (
    id       TEXT PRIMARY KEY,
    manifest TEXT,
    created  INTEGER,
    stored   INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    layers   BLOB NOT NULL           -- diff ids one after the other, bottom first
) WITHOUT ROWID;
CREATE INDEX images_by_manifest ON images (manifest);

CREATE TABLE image_documents (
    id       TEXT PRIMARY KEY,
    config   BLOB NOT NULL,
    manifest BLOB
);

CREATE TABLE tags (
    name  TEXT PRIMARY KEY,
    image TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tags_by_image ON tags (image);

CREATE TABLE pins (
    owner  TEXT PRIMARY KEY,
    image  TEXT,
    layers BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE layer_blobs (
    diff_id    BLOB NOT NULL,
    digest     TEXT NOT NULL,
    media_type TEXT NOT NULL,
    added      INTEGER NOT NULL,
    PRIMARY KEY (diff_id, digest)
) WITHOUT ROWID;

CREATE TABLE records (
    key     BLOB PRIMARY KEY,
    layer   BLOB,
    created INTEGER NOT NULL,
    took    INTEGER NOT NULL,
    size    INTEGER NOT NULL,
    used    INTEGER NOT NULL,
    meta    TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX records_by_use ON records (used);

-- Apart from the record: it is large and only read to name what changed.
CREATE TABLE record_manifests (
    key      BLOB PRIMARY KEY,
    manifest BLOB NOT NULL
);

CREATE TABLE executions (
    id          INTEGER PRIMARY KEY,
    dockerfile  TEXT NOT NULL,
    stage       TEXT NOT NULL,
    position    INTEGER NOT NULL,
    instruction TEXT NOT NULL,
    definition  BLOB NOT NULL,
    key         BLOB NOT NULL,
    started     INTEGER NOT NULL,
    took        INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    peak_memory INTEGER,
    exit_status INTEGER,
    reason      TEXT NOT NULL
);
CREATE INDEX executions_by_definition ON executions (definition, id);
CREATE INDEX executions_by_place ON executions (dockerfile, stage, position, id);

CREATE TABLE builds (
    id       INTEGER PRIMARY KEY,
    subject  TEXT NOT NULL,
    at       INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX builds_by_subject ON builds (subject, id);

