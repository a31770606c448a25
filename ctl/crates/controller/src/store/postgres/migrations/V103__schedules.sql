-- Version 103: schedules. Times are milliseconds since 1970, UTC.

CREATE TABLE schedules (
    name text COLLATE "C" PRIMARY KEY,
    entry text COLLATE "C" NOT NULL,  -- JSON
    revision text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    changed_by text COLLATE "C" NOT NULL,
    changed_at bigint NOT NULL
);
CREATE TABLE schedule_set (           -- one row
    single smallint PRIMARY KEY CHECK (single = 1),
    generation bigint NOT NULL        -- grows with each change of any schedule
);
INSERT INTO schedule_set (single, generation) VALUES (1, 0);
CREATE TABLE schedule_versions (
    name text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    entry text COLLATE "C",           -- JSON; NULL where the schedule was removed
    changed_by text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    PRIMARY KEY (name, version)
);
CREATE INDEX schedule_versions_by_age ON schedule_versions (at);

CREATE TABLE schedule_hosts (         -- what the last attempt on a host came to
    schedule text COLLATE "C" NOT NULL,
    host text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL, -- applied, refused, not_allowed or failed
    tried text COLLATE "C" NOT NULL,  -- the revision that was tried
    applied text COLLATE "C",         -- the revision that the host has
    why text COLLATE "C",
    since bigint NOT NULL,
    drift text COLLATE "C",           -- what was found changed on the host last
    drift_at bigint,
    PRIMARY KEY (schedule, host)
);
CREATE INDEX schedule_hosts_of_a_host ON schedule_hosts (host, schedule);
CREATE INDEX schedule_hosts_by_outcome ON schedule_hosts (schedule, outcome, tried, host);

-- Results by schedule. The id of a schedule's run is cron:fleet:NAME:INSTANT; NAME has no colon.
CREATE INDEX results_of_a_schedule ON results (split_part(task, ':', 3), sequence)
    WHERE task > 'cron:fleet:' AND task < 'cron:fleet;';
