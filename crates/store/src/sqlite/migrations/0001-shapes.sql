-- The shapes. A name (what a part of the server calls its store) is a number in every other table.
CREATE TABLE names (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- No epoch above the floor has written yet; claims of the next run start above it.
CREATE TABLE epochs (
    floor INTEGER NOT NULL
) STRICT;
INSERT INTO epochs (floor) VALUES (0);

CREATE TABLE keys (
    name  INTEGER NOT NULL,
    owner TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name, owner)
) STRICT, WITHOUT ROWID;

CREATE TABLE maps (
    name  INTEGER NOT NULL,
    owner TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name, owner, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
    name  INTEGER NOT NULL,
    owner TEXT NOT NULL,
    id    INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (name, owner, id)
) STRICT, WITHOUT ROWID;

-- With a rowid: rows of all owners are appended side by side, which is what makes a group of them cheap to commit.
CREATE TABLE archives (
    row         INTEGER PRIMARY KEY,
    name        INTEGER NOT NULL,
    owner       TEXT NOT NULL,
    id          INTEGER NOT NULL,
    time_ms     INTEGER NOT NULL,
    peer        TEXT NOT NULL,
    undelivered INTEGER NOT NULL,
    value       BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX archives_by_owner ON archives (name, owner, id);
CREATE INDEX archives_undelivered ON archives (name, owner, id) WHERE undelivered = 1;
