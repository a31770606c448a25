-- Version 4, facts. Times are milliseconds since 1970, UTC.

CREATE TABLE fact_methods (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE         -- as in getinfo.os
) STRICT;

CREATE TABLE fact_documents (         -- each document once, however many hosts have it
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    method INTEGER NOT NULL,
    digest BLOB NOT NULL,             -- SHA-256 of the text
    base INTEGER,                     -- the whole document that the body is compressed against
    size INTEGER NOT NULL,            -- bytes of the text
    hosts INTEGER NOT NULL DEFAULT 0, -- hosts that have it now
    uses INTEGER NOT NULL DEFAULT 0,  -- spans that have it, and documents that it is the base of
    UNIQUE (method, digest)
) STRICT;
CREATE INDEX fact_documents_of_a_method ON fact_documents (method, base, number);
CREATE INDEX fact_documents_without_use ON fact_documents (uses) WHERE uses = 0;
CREATE TABLE fact_bodies (
    document INTEGER PRIMARY KEY,
    body BLOB NOT NULL                -- zstd
) STRICT;
CREATE TABLE fact_totals (            -- one row: what the bodies occupy
    only INTEGER PRIMARY KEY CHECK (only = 1),
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO fact_totals (only, bytes) VALUES (1, 0);

CREATE TABLE fact_spans (             -- the log of changes: which document a host had, from when to when
    host INTEGER NOT NULL,            -- hosts.number
    method INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER,                    -- NULL: it has it now
    document INTEGER,                 -- NULL: the host lacks the provider
    PRIMARY KEY (host, method, since)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_spans_now ON fact_spans (method, document, host) WHERE until IS NULL;
CREATE INDEX fact_spans_ended ON fact_spans (until) WHERE until IS NOT NULL;

CREATE TABLE fact_newest (            -- the newest whole answer, where it is more than the document
    host INTEGER NOT NULL,
    method INTEGER NOT NULL,
    at INTEGER NOT NULL,
    digest BLOB,                      -- SHA-256 of an answer that the host may give again, or
    size INTEGER,                     -- bytes of one that it gives once, and
    body BLOB,                        -- its zstd, compressed against the document
    PRIMARY KEY (host, method),
    CHECK ((digest IS NULL) <> (body IS NULL) AND (size IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TABLE fact_failures (          -- providers that fail now; their last document stays
    host INTEGER NOT NULL,
    method INTEGER NOT NULL,
    since INTEGER NOT NULL,
    retcode INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (host, method)
) STRICT, WITHOUT ROWID;
CREATE TABLE fact_rounds (            -- when a host was last asked for everything
    host INTEGER PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT;

CREATE TABLE fact_entries (           -- what people search by name (fleet::facts::index)
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    document INTEGER NOT NULL,
    present INTEGER NOT NULL,         -- 0: the document lacks it, though its base has it
    PRIMARY KEY (kind, key, value, document)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER fact_span_added AFTER INSERT ON fact_spans WHEN new.document IS NOT NULL BEGIN
    UPDATE fact_documents SET uses = uses + 1, hosts = hosts + (new.until IS NULL)
        WHERE number = new.document;
END;
CREATE TRIGGER fact_span_ended AFTER UPDATE OF until ON fact_spans
    WHEN new.document IS NOT NULL AND old.until IS NULL AND new.until IS NOT NULL BEGIN
    UPDATE fact_documents SET hosts = hosts - 1 WHERE number = new.document;
END;
CREATE TRIGGER fact_span_deleted AFTER DELETE ON fact_spans WHEN old.document IS NOT NULL BEGIN
    UPDATE fact_documents SET uses = uses - 1, hosts = hosts - (old.until IS NULL)
        WHERE number = old.document;
END;
CREATE TRIGGER fact_document_added AFTER INSERT ON fact_documents WHEN new.base IS NOT NULL BEGIN
    UPDATE fact_documents SET uses = uses + 1 WHERE number = new.base;
END;
CREATE TRIGGER fact_document_deleted AFTER DELETE ON fact_documents BEGIN
    UPDATE fact_documents SET uses = uses - 1 WHERE number = old.base;
    DELETE FROM fact_bodies WHERE document = old.number;
END;
CREATE TRIGGER fact_body_added AFTER INSERT ON fact_bodies BEGIN
    UPDATE fact_totals SET bytes = bytes + length(new.body) + 256;
END;
CREATE TRIGGER fact_body_deleted AFTER DELETE ON fact_bodies BEGIN
    UPDATE fact_totals SET bytes = bytes - length(old.body) - 256;
END;
