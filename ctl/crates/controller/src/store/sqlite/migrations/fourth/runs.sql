-- Version 4, runs. Times are milliseconds since 1970, UTC.

CREATE TABLE runs (               -- plans, and runs: plans that were applied
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,          -- planned, running, stopping or ended
    ending TEXT,                  -- how it ended, or why it stops
    why TEXT,                     -- a sentence about that
    request TEXT NOT NULL,        -- JSON
    options TEXT NOT NULL,        -- JSON
    selector TEXT,
    hash TEXT NOT NULL,           -- SHA-256 of the plan's canonical bytes, hexadecimal
    total INTEGER NOT NULL,       -- targets
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    valid_until INTEGER NOT NULL, -- when the plan cannot be applied anymore
    not_after INTEGER,            -- of a run: when nothing more is started
    applied_at INTEGER,
    applied_by TEXT,
    ended_at INTEGER,
    change INTEGER NOT NULL       -- the last change of the run or of a target of it
) STRICT;
CREATE INDEX runs_by_state ON runs (state, number);
CREATE INDEX runs_of_an_operator 
    ON runs (coalesce(applied_by, created_by), number);
CREATE INDEX runs_by_time ON runs (created_at);
CREATE INDEX plans_by_end ON runs (valid_until) WHERE state = 'planned';
CREATE INDEX runs_by_end ON runs (ended_at) WHERE state = 'ended';
CREATE INDEX plans_that_ended ON runs (ended_at) WHERE state = 'ended' AND applied_at IS NULL;

CREATE TABLE targets (            -- the hosts of each run
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,    -- in the run's order, from 0
    host TEXT NOT NULL,
    stage INTEGER NOT NULL,       -- from 0
    budgets TEXT,                 -- JSON: names of the budgets that count it
    answer TEXT NOT NULL,         -- the plan's
    answer_why TEXT,
    state TEXT NOT NULL,
    code INTEGER,                 -- the exit status or retcode of an ended one
    why TEXT,                     -- a sentence
    sent_at INTEGER,
    accepted_at INTEGER,
    ended_at INTEGER,
    result INTEGER,               -- the sequence number in results
    output BLOB,                  -- a digest of end state, code and output
    operator TEXT,                -- of an ended one: who applied the run
    change INTEGER NOT NULL,      -- grows with each change of any target; 0: none yet
    changed_at INTEGER,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX targets_of_a_host ON targets (host, run);
CREATE INDEX targets_by_state ON targets (run, state, position);
CREATE INDEX targets_by_change ON targets (run, change) WHERE change > 0;
CREATE INDEX targets_by_output ON targets (run, output) WHERE output IS NOT NULL;
CREATE INDEX targets_by_answer ON targets (run, answer, position);
CREATE INDEX ended_targets ON targets (change) WHERE ended_at IS NOT NULL;
CREATE INDEX ended_targets_of_a_host ON targets (host, change) WHERE ended_at IS NOT NULL;
CREATE INDEX ended_targets_by_state ON targets (state, change) WHERE ended_at IS NOT NULL;
CREATE INDEX ended_targets_of_an_operator ON targets (operator, change)
    WHERE ended_at IS NOT NULL;

CREATE TABLE left_out (           -- hosts that a plan looked at and left out of its run
    run INTEGER NOT NULL,
    position INTEGER NOT NULL,    -- behind the targets' positions
    host TEXT NOT NULL,
    answer TEXT NOT NULL,
    answer_why TEXT,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE target_counts (      -- the targets of each run, counted
    run INTEGER NOT NULL,
    stage INTEGER NOT NULL,
    state TEXT NOT NULL,
    targets INTEGER NOT NULL,
    PRIMARY KEY (run, stage, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE target_changes (     -- one row
    only INTEGER PRIMARY KEY CHECK (only = 1),
    last INTEGER NOT NULL,        -- the number of the last change
    targets INTEGER NOT NULL      -- all targets
) STRICT;
INSERT INTO target_changes (only, last, targets) VALUES (1, 0, 0);

CREATE TABLE change_minutes (     -- the first change of each minute with any, to find them by time
    minute INTEGER PRIMARY KEY,
    change INTEGER NOT NULL
) STRICT;

CREATE TABLE budgets (
    name TEXT PRIMARY KEY,
    selector TEXT NOT NULL,
    most INTEGER NOT NULL,        -- hosts at work at once
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
