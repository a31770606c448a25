-- Version 4, schedules. Times are milliseconds since 1970, UTC.

CREATE TABLE schedules (
    name TEXT PRIMARY KEY,
    entry TEXT NOT NULL,          -- JSON
    revision TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE schedule_set (       -- one row
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL   -- grows with each change of any schedule
) STRICT;
INSERT INTO schedule_set (only, generation) VALUES (1, 0);
CREATE TABLE schedule_versions (
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    entry TEXT,                   -- JSON; NULL where the schedule was removed
    changed_by TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_versions_by_age ON schedule_versions (at);

CREATE TABLE schedule_hosts (     -- what the last attempt on a host came to
    schedule TEXT NOT NULL,
    host TEXT NOT NULL,
    outcome TEXT NOT NULL,        -- applied, refused, not_allowed or failed
    tried TEXT NOT NULL,          -- the revision that was tried
    applied TEXT,                 -- the revision that the host has
    why TEXT,
    since INTEGER NOT NULL,
    drift TEXT,                   -- what was found changed on the host last
    drift_at INTEGER,
    PRIMARY KEY (schedule, host)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_hosts_of_a_host ON schedule_hosts (host, schedule);

CREATE TABLE schedule_counts (
    schedule TEXT NOT NULL,
    outcome TEXT NOT NULL,
    tried TEXT NOT NULL,
    hosts INTEGER NOT NULL,
    PRIMARY KEY (schedule, outcome, tried)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER schedule_host_added AFTER INSERT ON schedule_hosts BEGIN
    INSERT INTO schedule_counts (schedule, outcome, tried, hosts)
        VALUES (new.schedule, new.outcome, new.tried, 1)
        ON CONFLICT (schedule, outcome, tried) DO UPDATE SET hosts = hosts + 1;
END;
CREATE TRIGGER schedule_host_removed AFTER DELETE ON schedule_hosts BEGIN
    UPDATE schedule_counts SET hosts = hosts - 1
        WHERE schedule = old.schedule AND outcome = old.outcome AND tried = old.tried;
    DELETE FROM schedule_counts WHERE schedule = old.schedule AND outcome = old.outcome
        AND tried = old.tried AND hosts <= 0;
END;
CREATE TRIGGER schedule_host_changed AFTER UPDATE OF outcome, tried ON schedule_hosts
    WHEN old.outcome <> new.outcome OR old.tried <> new.tried BEGIN
    UPDATE schedule_counts SET hosts = hosts - 1
        WHERE schedule = old.schedule AND outcome = old.outcome AND tried = old.tried;
    DELETE FROM schedule_counts WHERE schedule = old.schedule AND outcome = old.outcome
        AND tried = old.tried AND hosts <= 0;
    INSERT INTO schedule_counts (schedule, outcome, tried, hosts)
        VALUES (new.schedule, new.outcome, new.tried, 1)
        ON CONFLICT (schedule, outcome, tried) DO UPDATE SET hosts = hosts + 1;
END;
CREATE TRIGGER host_forgotten AFTER DELETE ON hosts BEGIN
    DELETE FROM schedule_hosts WHERE host = old.id;
END;

-- Results by schedule. The id of a schedule's run is cron:fleet:NAME:INSTANT; NAME has no colon.
CREATE INDEX results_of_a_schedule
    ON results (substr(task, 12, instr(substr(task, 12), ':') - 1))
    WHERE task > 'cron:fleet:' AND task < 'cron:fleet;';
