-- Version 3: operators, and what stands for them.
-- Times are milliseconds since 1970, UTC. Texts are compared byte by byte.

CREATE TABLE operators (
    name text COLLATE "C" PRIMARY KEY,
    password text COLLATE "C",    -- argon2id, as a PHC string
    disabled boolean NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE operator_roles (
    operator text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    PRIMARY KEY (operator, role)
);
CREATE INDEX operators_of_a_role ON operator_roles (role, operator);
CREATE TABLE own_roles (
    name text COLLATE "C" PRIMARY KEY,
    document text COLLATE "C" NOT NULL -- JSON
);
CREATE TABLE api_tokens (
    id text COLLATE "C" PRIMARY KEY,
    digest bytea NOT NULL UNIQUE, -- SHA-256 of the token
    operator text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    last_used bigint
);
CREATE INDEX api_tokens_of_an_operator ON api_tokens (operator, id);
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE sessions (
    digest bytea PRIMARY KEY,     -- SHA-256 of the cookie
    operator text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX sessions_of_an_operator ON sessions (operator, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE TABLE login_links (
    digest bytea PRIMARY KEY,     -- SHA-256 of the link's secret
    operator text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX login_links_of_an_operator ON login_links (operator);
CREATE INDEX login_links_by_expiry ON login_links (expires_at);
CREATE TABLE setup (              -- the link for the first password: at most one row
    single smallint PRIMARY KEY CHECK (single = 1),
    digest bytea NOT NULL,
    expires_at bigint NOT NULL
);
