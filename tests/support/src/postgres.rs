//! PostgreSQL servers that belong to one test process: Debian's binaries over a folder of their own,
//! run by an unprivileged user, stopped when the process ends, however it ends.

use crate::{DEADLINE, Scratch, wait_some_within};
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// Where Debian has the servers, each version in a folder of its own.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user that owns the databases.
const USER: &str = "basicagent";

/// Starts and ends the server as it is told on its input. When the input ends, so does the server,
/// and its folder goes: the input's other end closes with the test process. It outlives
/// the signals that end the tests: it has a process group of its own, which no ^C reaches.
const SUPERVISOR: &str = r#"
set -u
trap '' HUP INT TERM
bin=$1 dir=$2 port=$3 primary=$4; shift 4
as=
if [ "$(id -u)" = 0 ]; then
    user=nobody; id -u postgres >/dev/null 2>&1 && user=postgres
    chown "$user" "$dir"
    as="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups"
fi
exec >>"$dir.log" 2>&1
cd "$dir"
if [ "$primary" = none ]; then
    $as "$bin/initdb" -D "$dir/data" -U basicagent -A trust -E UTF8 --locale=C --no-sync || exit 1
else
    $as "$bin/pg_basebackup" -D "$dir/data" -U basicagent -h 127.0.0.1 -p "$primary" \
        -R -X stream -c fast --no-sync || exit 1
fi
start() {
    $as "$bin/postgres" -D "$dir/data" -k "$dir" -h 127.0.0.1 -p "$port" "$@" </dev/null &
    server=$!
}
start "$@"
while read -r order; do
    case $order in
    kill)
        # Stopped first, so that it starts no other process meanwhile: one that is left would keep
        # the next server from starting.
        kill -STOP "$server"
        children=$(ps -o pid= --ppid "$server")
        kill -KILL "$server" $children
        wait "$server"
        for child in $children; do
            while ps -o stat= -p "$child" | grep -qv Z; do sleep 0.01; done
        done;;
    stop) kill -INT "$server"; wait "$server";;
    start) start "$@";;
    esac
done
# Again and again: a server that has just been started does not know the signal yet.
while ps -o stat= -p "$server" | grep -qv Z; do kill -INT "$server"; sleep 0.1; done
wait "$server"
rm -rf "$dir" "$dir.log"
"#;

/// Settings of a server whose data need not survive.
pub const FAST: &[&str] = &[
    "-cfsync=off",
    "-cfull_page_writes=off",
    "-cautovacuum=off",
    "-cjit=off",
    "-cmax_connections=400",
];

/// A server.
#[derive(Debug)]
pub struct PostgresServer {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
    orders: Mutex<ChildStdin>,
    supervisor: Mutex<Child>,
}

impl PostgresServer {
    /// Returns the server that all tests of this process share, whose data need not survive. `None`,
    /// with a line that the test is skipped, where PostgreSQL is not installed.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<PostgresServer>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(FAST)).as_ref()
    }

    /// Starts a server with these settings, as `-cNAME=VALUE`. `None`, with a line that the test is
    /// skipped, where PostgreSQL is not installed.
    ///
    /// # Panics
    /// With its log, when the server does not start.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let Some(bin) = binaries() else {
            eprintln!("SKIPPED (needs PostgreSQL: make test-deps): a test of the database");
            return None;
        };
        Some(Self::launch(bin, "none", settings))
    }

    /// Starts a standby of this server with these settings, on which each commit waits from now on.
    ///
    /// # Panics
    /// With its log, when the standby does not start.
    pub fn start_standby(&self, settings: &[&str]) -> Self {
        let standby = Self::launch(self.bin.clone(), &self.port.to_string(), settings);
        self.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
        self.sql("SELECT pg_reload_conf()");
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        crate::wait_until("the standby follows", || self.sql(follows) == "1");
        standby
    }

    /// Makes a primary of a standby. Its own commits wait for nobody.
    pub fn promote(&self) {
        assert_eq!(self.sql("SELECT pg_promote()"), "t", "the standby is promoted");
    }

    fn launch(bin: PathBuf, primary: &str, settings: &[&str]) -> Self {
        // Of a supervisor that outlives the test, so it is not a `Scratch`.
        let dir = Scratch::new("postgres").keep();
        let port = free_port();
        #[expect(clippy::disallowed_methods, reason = "a test runs its own server")]
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "postgres"])
            .args([&bin, &dir])
            .args([&port.to_string(), primary])
            .args(settings)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let orders = Mutex::new(supervisor.stdin.take().expect("it was asked for"));
        let server = Self { dir, bin, port, orders, supervisor: Mutex::new(supervisor) };
        server.wait(None);
        server
    }

    /// Waits until the server takes connections, and is not the process `before`.
    fn wait(&self, before: Option<u32>) {
        wait_some_within(DEADLINE * 3, "PostgreSQL", || {
            let ended = self.supervisor.lock().expect("no test panics with it").try_wait();
            if let Ok(Some(status)) = ended {
                let log = fs::read_to_string(self.dir.with_extension("log"));
                panic!("PostgreSQL ended, {status}: {}", log.unwrap_or_default());
            }
            self.process().filter(|process| Some(*process) != before)
        });
    }

    /// Returns the server's process, if it takes connections.
    fn process(&self) -> Option<u32> {
        let text = fs::read_to_string(self.dir.join("data/postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let process = lines.next()?.trim().parse().ok()?;
        lines.any(|line| ["ready", "standby"].contains(&line.trim())).then_some(process)
    }

    fn order(&self, order: &str) {
        let mut orders = self.orders.lock().expect("no test panics with it");
        writeln!(orders, "{order}").expect("the supervisor lives as long as the test");
    }

    /// Kills the server and all its processes, as a power cut does.
    pub fn kill(&self) {
        let process = self.process();
        self.order("kill");
        if let Some(process) = process {
            crate::wait_until("PostgreSQL is dead", || !crate::alive(process));
        }
    }

    /// Starts the server again after [`PostgresServer::kill`] or [`PostgresServer::stop`], and waits
    /// until it takes connections.
    pub fn start_again(&self) {
        let before = self.process();
        self.order("start");
        self.wait(before);
    }

    /// Stops the server in order, and waits for its end.
    pub fn stop(&self) {
        let process = self.process();
        self.order("stop");
        if let Some(process) = process {
            crate::wait_until("PostgreSQL has stopped", || !crate::alive(process));
        }
    }

    /// Returns the server's folder, with its socket and, in `data`, its files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the server's port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Creates an empty database.
    ///
    /// # Panics
    /// When the server does not do it.
    pub fn create(&self) -> PostgresDatabase<'_> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.client("createdb", &["-T", "template0", &name]);
        let url =
            format!("postgres://{USER}@/{name}?host={}&port={}", self.dir.display(), self.port);
        PostgresDatabase { server: self, name, url }
    }

    /// Runs SQL as the owner of all databases, in none of the tests'; returns the rows, their columns
    /// separated by `|`.
    fn sql(&self, text: &str) -> String {
        self.client("psql", &["-d", "postgres", "-qAtXc", text]).trim_end().to_owned()
    }

    /// Runs one of PostgreSQL's own programs on the server; returns what it prints.
    fn client(&self, program: &str, args: &[&str]) -> String {
        #[expect(clippy::disallowed_methods, reason = "a test runs its own commands")]
        let output = Command::new(self.bin.join(program))
            .args(["-U", USER, "-h"])
            .arg(&self.dir)
            .args(["-p", &self.port.to_string()])
            .args(args)
            .output()
            .expect("PostgreSQL's clients lie beside the server");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A database of one test, dropped with it.
#[derive(Debug)]
pub struct PostgresDatabase<'a> {
    server: &'a PostgresServer,
    name: String,
    url: String,
}

impl PostgresDatabase<'_> {
    /// Returns the database's URL, over the server's socket.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs SQL as the database's owner; returns the rows, their columns separated by `|`.
    ///
    /// # Panics
    /// When the server refuses it.
    pub fn sql(&self, text: &str) -> String {
        let args = ["-d", &self.name, "-v", "ON_ERROR_STOP=1", "-qAtXc", text];
        self.server.client("psql", &args).trim_end().to_owned()
    }
}

impl Drop for PostgresDatabase<'_> {
    fn drop(&mut self) {
        // A test that fails may have left connections, or no server.
        if !std::thread::panicking() && self.server.process().is_some_and(crate::alive) {
            self.server.client("dropdb", &["--force", "--if-exists", &self.name]);
        }
    }
}

/// Returns a port for a server that begins to listen later, and again after it was killed: below
/// those that the kernel gives to whoever asks for any port meanwhile (ip(7)).
fn free_port() -> u16 {
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Apart from those of test processes beside this one.
        let number = std::process::id() % COUNT * 16 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(FIRST + number % COUNT).expect("below 65,536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Returns the folder of the newest server's programs.
fn binaries() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?;
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions
        .filter_map(|version| Some(version.ok()?.path()))
        .filter(|version| version.join("bin/postgres").exists())
        .max_by_key(|version| number(version))?;
    File::open(newest.join("bin/initdb")).is_ok().then(|| newest.join("bin"))
}
