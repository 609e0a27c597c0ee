-- Up to where the reports of each queue of the gateway are durable here: written in the transaction that holds them, so
-- that what is sent again after a crash is known. A newer number replaces an older one; numbers never fall.
CREATE TABLE forwarded (
    source TEXT    PRIMARY KEY,
    number INTEGER NOT NULL CHECK (number > 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER forwarded_rises BEFORE UPDATE ON forwarded
WHEN NEW.source <> OLD.source OR NEW.number <= OLD.number
BEGIN SELECT RAISE(ABORT, 'what was taken over stays taken over'); END;
CREATE TRIGGER forwarded_no_delete BEFORE DELETE ON forwarded
BEGIN SELECT RAISE(ABORT, 'what was taken over stays taken over'); END;
