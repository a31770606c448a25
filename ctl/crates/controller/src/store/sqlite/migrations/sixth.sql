-- Version 6: links that log an operator in, once.
-- Times are milliseconds since 1970, UTC.

CREATE TABLE login_links (
    digest BLOB PRIMARY KEY,      -- SHA-256 of the link's secret
    operator TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_links_of_an_operator ON login_links (operator);
CREATE INDEX login_links_by_expiry ON login_links (expires_at);
