-- Version 5: the trend of the fleet, and the names of hosts by their parts.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE trend (              -- a sample every few minutes; none while no controller ran
    at INTEGER PRIMARY KEY,
    online INTEGER NOT NULL,      -- hosts that get requests and are connected
    away INTEGER NOT NULL,        -- hosts that get requests and are not
    pending INTEGER NOT NULL,
    quarantined INTEGER NOT NULL,
    failures INTEGER NOT NULL,    -- targets of runs that failed since the sample before
    change INTEGER NOT NULL       -- the last change of a target by then
) STRICT;

-- The names of hosts from each place on at which a part begins: the start, behind a separator, and
-- where digits begin, with their zeros and without. Of web-007.example: web-007.example,
-- 007.example, 7.example, example.
CREATE TABLE host_names (
    part TEXT NOT NULL,           -- in lower case, to the end of the name
    number INTEGER NOT NULL,      -- hosts.number
    of INTEGER NOT NULL,          -- 0: of the id; 1: of the label hostname
    PRIMARY KEY (part, number, of)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_names_of_a_host ON host_names (number, part);
CREATE TABLE places (             -- the numbers from 1 to 128: an id is no longer
    n INTEGER PRIMARY KEY
) STRICT;
INSERT INTO places (n)
    WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 128)
    SELECT n FROM counted;

INSERT OR IGNORE INTO host_names (part, number, of)
    SELECT lower(substr(h.id, p.n)), h.number, 0 FROM hosts h JOIN places p
    WHERE p.n <= length(h.id) AND (p.n = 1 OR instr('-._', substr(h.id, p.n - 1, 1)) OR substr(h.id, p.n - 1, 2) GLOB '[^0-9][0-9]'
            OR substr(h.id, p.n - 1, 2) GLOB '0[1-9]');
INSERT OR IGNORE INTO host_names (part, number, of)
    SELECT lower(substr(l.value, p.n)), h.number, 1
    FROM labels l JOIN hosts h ON h.id = l.host JOIN places p
    WHERE l.key = 'hostname' AND l.value <> l.host
        AND p.n <= length(l.value) AND (p.n = 1 OR instr('-._', substr(l.value, p.n - 1, 1)) OR substr(l.value, p.n - 1, 2) GLOB '[^0-9][0-9]'
            OR substr(l.value, p.n - 1, 2) GLOB '0[1-9]');

CREATE TRIGGER host_named AFTER INSERT ON hosts BEGIN
    INSERT OR IGNORE INTO host_names (part, number, of)
        SELECT lower(substr(new.id, p.n)), new.number, 0 FROM places p
        WHERE p.n <= length(new.id) AND (p.n = 1 OR instr('-._', substr(new.id, p.n - 1, 1)) OR substr(new.id, p.n - 1, 2) GLOB '[^0-9][0-9]'
            OR substr(new.id, p.n - 1, 2) GLOB '0[1-9]');
END;
CREATE TRIGGER host_name_forgotten AFTER DELETE ON hosts BEGIN
    DELETE FROM host_names WHERE number = old.number;
END;
CREATE TRIGGER hostname_known AFTER INSERT ON labels
    WHEN new.key = 'hostname' AND new.value <> new.host BEGIN
    INSERT OR IGNORE INTO host_names (part, number, of)
        SELECT lower(substr(new.value, p.n)), (SELECT number FROM hosts WHERE id = new.host), 1 FROM places p
        WHERE p.n <= length(new.value) AND (p.n = 1 OR instr('-._', substr(new.value, p.n - 1, 1)) OR substr(new.value, p.n - 1, 2) GLOB '[^0-9][0-9]'
            OR substr(new.value, p.n - 1, 2) GLOB '0[1-9]');
END;
CREATE TRIGGER hostname_changed AFTER UPDATE OF value ON labels
    WHEN new.key = 'hostname' AND new.value <> old.value BEGIN
    DELETE FROM host_names
        WHERE number = (SELECT number FROM hosts WHERE id = new.host) AND of = 1;
    INSERT OR IGNORE INTO host_names (part, number, of)
        SELECT lower(substr(new.value, p.n)), (SELECT number FROM hosts WHERE id = new.host), 1 FROM places p
        WHERE p.n <= length(new.value) AND (p.n = 1 OR instr('-._', substr(new.value, p.n - 1, 1)) OR substr(new.value, p.n - 1, 2) GLOB '[^0-9][0-9]'
            OR substr(new.value, p.n - 1, 2) GLOB '0[1-9]');
END;
CREATE TRIGGER hostname_forgotten AFTER DELETE ON labels WHEN old.key = 'hostname' BEGIN
    DELETE FROM host_names
        WHERE number = (SELECT number FROM hosts WHERE id = old.host) AND of = 1;
END;
