-- Version 8: the hosts of a label by their numbers, from its indexes alone.

ALTER TABLE labels ADD COLUMN number INTEGER NOT NULL DEFAULT 0;   -- hosts.number
UPDATE labels SET number = (SELECT number FROM hosts WHERE id = host);
DROP INDEX labels_by_value;
DROP INDEX labels_by_key;
CREATE INDEX labels_by_value ON labels (key, value, host, number);
CREATE INDEX labels_by_key ON labels (key, host, value, number);
