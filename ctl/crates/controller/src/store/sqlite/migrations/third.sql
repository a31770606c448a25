-- Version 3: hosts, join tokens, people, the audit log.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    secret BLOB NOT NULL,         -- SHA-256
    name TEXT NOT NULL,
    terms TEXT NOT NULL,          -- JSON
    ends INTEGER NOT NULL,        -- when it expires or was revoked
    uses INTEGER NOT NULL,
    revoked_at INTEGER,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_end ON tokens (ends);

CREATE TABLE hosts (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,          -- the state's name, as in the identity
    identity TEXT NOT NULL,       -- JSON: state with its reason, keys, certificate, machine, token
    token TEXT,                   -- the join token, as in the identity
    since INTEGER NOT NULL,       -- when it has been in this state
    enrolled_at INTEGER NOT NULL
) STRICT;
CREATE INDEX hosts_by_state ON hosts (state, id);
CREATE INDEX hosts_by_token ON hosts (token, id);
CREATE INDEX hosts_by_certificate_end
    ON hosts (json_extract(identity, '$.keys.certificate.not_after')) WHERE state <> 'banned';

CREATE TABLE host_counts (
    state TEXT PRIMARY KEY,
    hosts INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO host_counts (state, hosts)
    VALUES ('active', 0), ('pending', 0), ('quarantined', 0), ('banned', 0);
CREATE TRIGGER host_added AFTER INSERT ON hosts BEGIN
    UPDATE host_counts SET hosts = hosts + 1 WHERE state = new.state;
END;
CREATE TRIGGER host_removed AFTER DELETE ON hosts BEGIN
    UPDATE host_counts SET hosts = hosts - 1 WHERE state = old.state;
END;
CREATE TRIGGER host_changed AFTER UPDATE OF state ON hosts WHEN old.state <> new.state BEGIN
    UPDATE host_counts SET hosts = hosts - 1 WHERE state = old.state;
    UPDATE host_counts SET hosts = hosts + 1 WHERE state = new.state;
END;

CREATE TABLE host_keys (          -- every key that belongs to a host
    key BLOB PRIMARY KEY,         -- SHA-256 of the SubjectPublicKeyInfo
    host TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX host_keys_of_a_host ON host_keys (host);

CREATE TABLE gone_keys (          -- keys that must not be taken for those of a lost host
    key BLOB PRIMARY KEY,
    host TEXT NOT NULL,
    at INTEGER NOT NULL,
    banned INTEGER NOT NULL       -- 1: refused for ever; 0: of a removed host
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_keys_by_age ON gone_keys (banned, at);

CREATE TABLE labels (
    host TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,         -- fact, token or operator
    PRIMARY KEY (host, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_value ON labels (key, value, host);
CREATE INDEX labels_by_key ON labels (key, host, value);

CREATE TABLE presence (           -- what a host said when it connected last
    host TEXT PRIMARY KEY,
    address TEXT,
    version TEXT,
    boot TEXT,
    ca_version INTEGER,
    connected_at INTEGER,
    last_seen INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX presence_by_time ON presence (last_seen, ca_version, host);

CREATE TABLE events (             -- the audit log: a line begins an event or ends one
    sequence INTEGER PRIMARY KEY, -- one more than that of the line before
    at INTEGER NOT NULL,
    ends INTEGER,                 -- the event that this line ends
    outcome TEXT,                 -- of a line that ends an event
    actor TEXT,                   -- these four: of a line that begins one
    source TEXT,
    action TEXT,
    hosts TEXT,                   -- JSON: a list of host ids
    detail TEXT,
    digest BLOB NOT NULL          -- SHA-256 of the digest before and everything else in this line
) STRICT;
CREATE UNIQUE INDEX events_ended ON events (ends) WHERE ends IS NOT NULL;
CREATE INDEX events_of_an_actor ON events (actor, sequence) WHERE actor IS NOT NULL;
CREATE INDEX events_of_an_action ON events (action, sequence) WHERE action IS NOT NULL;
CREATE TABLE event_hosts (        -- the hosts of each event, to find events by host
    host TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (host, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_hosts_by_event ON event_hosts (sequence);
CREATE TABLE open_events (        -- events that are not complete
    sequence INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE event_chain (        -- one row: where the log begins and ends
    only INTEGER PRIMARY KEY CHECK (only = 1),
    anchor INTEGER NOT NULL,      -- the last line that was deleted for its age
    anchor_digest BLOB NOT NULL,
    head INTEGER NOT NULL,        -- the newest line
    head_digest BLOB NOT NULL
) STRICT;
INSERT INTO event_chain (only, anchor, anchor_digest, head, head_digest)
    VALUES (1, 0, zeroblob(32), 0, zeroblob(32));
CREATE TRIGGER events_stay_as_they_are BEFORE UPDATE ON events BEGIN
    SELECT raise(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER events_stay BEFORE DELETE ON events
    WHEN old.sequence > (SELECT anchor FROM event_chain) BEGIN
    SELECT raise(ABORT, 'the audit log is append-only');
END;

CREATE TABLE operators (
    name TEXT PRIMARY KEY,
    password TEXT,                -- argon2id, as a PHC string
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE operator_roles (
    operator TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (operator, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX operators_of_a_role ON operator_roles (role, operator);
CREATE TABLE own_roles (
    name TEXT PRIMARY KEY,
    document TEXT NOT NULL        -- JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,  -- SHA-256 of the token
    operator TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_tokens_of_an_operator ON api_tokens (operator, id);
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY,      -- SHA-256 of the cookie
    operator TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of_an_operator ON sessions (operator, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE TABLE setup (              -- the link for the first password: at most one row
    only INTEGER PRIMARY KEY CHECK (only = 1),
    digest BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE repeatable (         -- requests with an idempotency key
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL,         -- SHA-256 of the request
    state TEXT NOT NULL,          -- running, interrupted or answered
    status INTEGER,
    body TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX repeatable_by_age ON repeatable (at);
CREATE INDEX repeatable_by_state ON repeatable (state);

-- Hosts that delivered results before there was a list of hosts appear when they connect.
