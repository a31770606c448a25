-- Version 104: how the outcome of a commit is found whose answer was lost.

CREATE TABLE marks (              -- a few rows for each time that a controller has taken the database
    run bigint NOT NULL,          -- that time, by a random number
    place integer NOT NULL,
    epoch bigint NOT NULL,
    number bigint NOT NULL,       -- of the last transaction that used the row
    PRIMARY KEY (run, place)
) WITH (fillfactor = 25);         -- a change updates a row in its place
