-- The unsealed tail by rows of many samples: what one piece of equipment delivered in one group. Rows of the first form, one
-- sample as JSON, are taken over as they are; both are read.

CREATE TABLE sample_tail_2 (
    arrival   INTEGER PRIMARY KEY AUTOINCREMENT,
    equipment TEXT    NOT NULL,
    from_ms   INTEGER NOT NULL,
    until_ms  INTEGER NOT NULL,
    count     INTEGER NOT NULL CHECK (count > 0),
    bytes     BLOB    NOT NULL
) STRICT;

INSERT INTO sample_tail_2 (arrival, equipment, from_ms, until_ms, count, bytes)
SELECT arrival, substr(tag, 1, instr(tag, '/') - 1), receive_ms, receive_ms, 1, CAST(sample AS BLOB) FROM sample_tail;

DROP TABLE sample_tail;
ALTER TABLE sample_tail_2 RENAME TO sample_tail;

CREATE INDEX sample_tail_equipment ON sample_tail (equipment, until_ms, from_ms);

-- A range of a tag, and of equipment, is found by the ends of its chunks, without reading older ones.
DROP INDEX sample_chunk_tag;
CREATE INDEX sample_chunk_tag ON sample_chunk (tag, until_ms, from_ms);
CREATE INDEX sample_chunk_equipment ON sample_chunk (substr(tag, 1, instr(tag, '/') - 1), until_ms, from_ms);

-- A row leaves the tail only once a chunk of its equipment and time is there.
CREATE TRIGGER sample_tail_no_update BEFORE UPDATE ON sample_tail
BEGIN SELECT RAISE(ABORT, 'a sample is never changed'); END;
CREATE TRIGGER sample_tail_sealed BEFORE DELETE ON sample_tail
WHEN NOT EXISTS (SELECT 1 FROM sample_chunk
                 WHERE substr(tag, 1, instr(tag, '/') - 1) = OLD.equipment
                   AND until_ms >= OLD.from_ms AND from_ms <= OLD.until_ms)
BEGIN SELECT RAISE(ABORT, 'a sample stays in the tail until a sealed chunk holds it'); END;
