-- The journal, its trees, the samples and the credentials.
--
-- Everything but snapshots, the unsealed tail and the credentials is written once. The triggers refuse what the program
-- never does; they are a fence for tools and mistakes. What proves that nobody climbed over it are the hashes.

-- An entry: its place in the one total order, its numbers, and the bytes of its envelope exactly as they were hashed.
CREATE TABLE journal_entry (
    position   INTEGER PRIMARY KEY,
    owner      TEXT    NOT NULL,
    owner_seq  INTEGER NOT NULL,
    stream     TEXT    NOT NULL,
    stream_seq INTEGER NOT NULL,
    envelope   BLOB    NOT NULL,
    CONSTRAINT journal_entry_owner_seq UNIQUE (owner, owner_seq),
    CONSTRAINT journal_entry_stream_seq UNIQUE (owner, stream, stream_seq)
) STRICT;

-- Which entries an owner had at a place of the total order (checkpoints ask this).
CREATE INDEX journal_entry_owner_position ON journal_entry (owner, position, owner_seq);

-- The parts of an entry: the salt that opens the commitment, and the canonical bytes of the value.
CREATE TABLE journal_part (
    position INTEGER NOT NULL REFERENCES journal_entry (position),
    name     TEXT    NOT NULL,
    salt     BLOB    NOT NULL CHECK (length(salt) = 32),
    value    BLOB    NOT NULL,
    PRIMARY KEY (position, name)
) STRICT;

-- The complete nodes of each owner's Merkle tree.
CREATE TABLE journal_node (
    owner    TEXT    NOT NULL,
    level    INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash     BLOB    NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (owner, level, position)
) STRICT, WITHOUT ROWID;

-- Checkpoints: the signed note, the place of the total order it covers, and the seed that rebuilds its facility tree.
CREATE TABLE checkpoint (
    number   INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    seed     BLOB    NOT NULL CHECK (length(seed) = 32),
    note     TEXT    NOT NULL
) STRICT;

-- Sealed chunks of samples, by their hash.
CREATE TABLE sample_chunk (
    hash     BLOB    PRIMARY KEY CHECK (length(hash) = 32),
    tag      TEXT    NOT NULL,
    from_ms  INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    bytes    BLOB    NOT NULL
) STRICT;

CREATE INDEX sample_chunk_tag ON sample_chunk (tag, from_ms);

-- Samples that no chunk holds yet, in the order in which they arrived.
CREATE TABLE sample_tail (
    arrival    INTEGER PRIMARY KEY AUTOINCREMENT,
    tag        TEXT    NOT NULL,
    receive_ms INTEGER NOT NULL,
    sample     TEXT    NOT NULL
) STRICT;

CREATE INDEX sample_tail_tag ON sample_tail (tag, receive_ms);

-- Snapshots make a start fast. They are never evidence and may be thrown away at any time.
CREATE TABLE snapshot (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    form     TEXT    NOT NULL,
    position INTEGER NOT NULL,
    body     BLOB    NOT NULL
) STRICT;

-- The only table whose rows change. No secret is ever an entry.
CREATE TABLE credential (
    person      TEXT    PRIMARY KEY,
    phc         TEXT    NOT NULL,
    must_change INTEGER NOT NULL CHECK (must_change IN (0, 1)),
    wrong_tries INTEGER NOT NULL CHECK (wrong_tries >= 0),
    changed_ms  INTEGER NOT NULL
) STRICT;

-- Numbers have no gaps. (A BEFORE INSERT trigger also stops INSERT OR REPLACE, which fires no DELETE trigger.)
CREATE TRIGGER journal_entry_next BEFORE INSERT ON journal_entry
WHEN NEW.position <> (SELECT coalesce(max(position), 0) + 1 FROM journal_entry)
  OR NEW.owner_seq <> (SELECT coalesce(max(owner_seq), 0) + 1 FROM journal_entry WHERE owner = NEW.owner)
  OR NEW.stream_seq <> (SELECT coalesce(max(stream_seq), 0) + 1 FROM journal_entry
                        WHERE owner = NEW.owner AND stream = NEW.stream)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: this is not the next entry'); END;

CREATE TRIGGER journal_entry_no_update BEFORE UPDATE ON journal_entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never changed'); END;
CREATE TRIGGER journal_entry_no_delete BEFORE DELETE ON journal_entry
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never deleted'); END;

-- Parts are written with their entry, never later.
CREATE TRIGGER journal_part_with_entry BEFORE INSERT ON journal_part
WHEN NEW.position <> (SELECT coalesce(max(position), 0) FROM journal_entry)
  OR EXISTS (SELECT 1 FROM journal_part WHERE position = NEW.position AND name = NEW.name)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a part is written with its entry'); END;
CREATE TRIGGER journal_part_no_update BEFORE UPDATE ON journal_part
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a part is never changed'); END;
CREATE TRIGGER journal_part_no_delete BEFORE DELETE ON journal_part
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a part is never deleted'); END;

CREATE TRIGGER journal_node_new BEFORE INSERT ON journal_node
WHEN EXISTS (SELECT 1 FROM journal_node
             WHERE owner = NEW.owner AND level = NEW.level AND position = NEW.position)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a tree node is written once'); END;
CREATE TRIGGER journal_node_no_update BEFORE UPDATE ON journal_node
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a tree node is never changed'); END;
CREATE TRIGGER journal_node_no_delete BEFORE DELETE ON journal_node
BEGIN SELECT RAISE(ABORT, 'the journal is append-only: a tree node is never deleted'); END;

CREATE TRIGGER checkpoint_next BEFORE INSERT ON checkpoint
WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM checkpoint)
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only: this is not the next one'); END;
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only: one is never changed'); END;
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are append-only: one is never deleted'); END;

CREATE TRIGGER sample_chunk_new BEFORE INSERT ON sample_chunk
WHEN EXISTS (SELECT 1 FROM sample_chunk WHERE hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'sealed samples are append-only: this chunk is there'); END;
CREATE TRIGGER sample_chunk_no_update BEFORE UPDATE ON sample_chunk
BEGIN SELECT RAISE(ABORT, 'sealed samples are append-only: a chunk is never changed'); END;
CREATE TRIGGER sample_chunk_no_delete BEFORE DELETE ON sample_chunk
BEGIN SELECT RAISE(ABORT, 'sealed samples are append-only: a chunk is never deleted'); END;

-- A sample leaves the tail only once a chunk of its tag and time holds it.
CREATE TRIGGER sample_tail_no_update BEFORE UPDATE ON sample_tail
BEGIN SELECT RAISE(ABORT, 'a sample is never changed'); END;
CREATE TRIGGER sample_tail_sealed BEFORE DELETE ON sample_tail
WHEN NOT EXISTS (SELECT 1 FROM sample_chunk
                 WHERE tag = OLD.tag AND from_ms <= OLD.receive_ms AND until_ms >= OLD.receive_ms)
BEGIN SELECT RAISE(ABORT, 'a sample stays in the tail until a sealed chunk holds it'); END;
