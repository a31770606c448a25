//! The real table of routes, asked with and without the token.

mod follow;
mod many_hosts;
mod needs;
mod room;
mod walk;

use super::*;
use crate::agents::PlaceBounds;
use crate::api::rule::Who;
use crate::auth::{FileRoles, Roles, Token};
use crate::facts::{Settings, collector};
use crate::identity::{CaSettings, IdentitySettings, RootKey};
use crate::runs::Driver;
use crate::schedules::{Keeper, Schedules};
use crate::store::{Bounds, SqliteStore};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use controller_api::{PROBLEM_JSON, Problem, ProblemKind, path};
use fleet::Action;
use fleet::identity::UnknownHosts;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use std::time::{Duration, SystemTime};
use test_support::Scratch;

const TOKEN: &str = "0123456789abcdef";

struct Server {
    router: Router,
    store: Arc<dyn Store>,
    authenticator: Arc<Authenticator>,
    runs: Handle,
    _stopper: crate::stop::Stopper,
    _scratch: Scratch,
}

impl Server {
    fn new() -> Self {
        let scratch = Scratch::new("controller-router");
        let file = scratch.write("token", TOKEN);
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&file, private).unwrap();
        let bounds = Bounds {
            keep: Duration::from_secs(60),
            keep_events: Duration::from_secs(60),
            ..Bounds::generous()
        };
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(&scratch.file("state"), bounds).unwrap());
        let roles = Arc::new(Roles::new(FileRoles::default()));
        let token = Some(Token::load(&file).unwrap());
        let authenticator = Arc::new(Authenticator::new(token, roles, Arc::clone(&store)));
        let ca = Ca::open(CaSettings {
            dir: scratch.file("ca"),
            root_key: RootKey::Beside,
            names: vec!["localhost".to_owned()],
            given: None,
        });
        let ca = Arc::new(ca.unwrap());
        let address = "127.0.0.1:7443".parse().unwrap();
        let (stopper, stop) = crate::stop::pair();
        let metrics = Arc::new(Metrics::new());
        let settings = IdentitySettings {
            certificate_life: Duration::from_secs(3600),
            recover_within: Duration::from_secs(3600),
            unknown: UnknownHosts::Accept,
            enroll_rate: 10,
            enroll_rate_per_address: 10,
        };
        let identity =
            Identity::new(Arc::clone(&ca), Arc::clone(&store), settings, Arc::clone(&metrics));
        let registry = Arc::new(Registry::default());
        let (_, runs) = Driver::new(crate::runs::Parts {
            registry: Arc::clone(&registry),
            store: Arc::clone(&store),
            authenticator: Arc::clone(&authenticator),
        });
        let (collector, collecting) =
            collector(Arc::clone(&registry), Arc::clone(&store), Settings::default());
        tokio::spawn(collecting.run(stop.clone()));
        let schedules =
            Schedules::new(Arc::clone(&registry), Arc::clone(&store), Arc::clone(&authenticator));
        tokio::spawn(Keeper::new(schedules.clone()).run(stop.clone()));
        let router = router(Parts {
            registry,
            runs: runs.clone(),
            schedules,
            store: Arc::clone(&store),
            collector,
            identity: Arc::new(identity),
            joining: Joining::new(address, &[], Arc::clone(&ca)),
            ca,
            authenticator: Arc::clone(&authenticator),
            work: Work::default(),
            permits: Permits::new(8, PlaceBounds { in_all: 4, per_source: 4 }),
            clients: 64,
            metrics,
            bus: None,
            about: About {
                started: SystemTime::now(),
                listen: vec![address.to_string()],
                http: "http://127.0.0.1:7480".to_owned(),
                bounds: Bounds::generous(),
                identity: settings,
                facts: Settings::default(),
            },
            stop,
        });
        Self { router, store, authenticator, runs, _stopper: stopper, _scratch: scratch }
    }

    /// Sends a request with each of the `Authorization` headers.
    async fn ask(&self, method: &Method, path: &str, tokens: &[&str]) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for token in tokens {
            request = request.header(header::AUTHORIZATION, *token);
        }
        let request = request.body(Body::from(r#"{"method":"agent.ping"}"#)).unwrap();
        TowerToHyperService::new(self.router.clone()).call(request).await.unwrap()
    }

    async fn problem(&self, method: &Method, path: &str, tokens: &[&str]) -> (StatusCode, Problem) {
        let response = self.ask(method, path, tokens).await;
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_JSON, "{method} {path}");
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let problem: Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(status.as_u16(), problem.status, "{method} {path}");
        (status, problem)
    }
}

fn example(path: &str) -> String {
    path.replace("{host}", "h")
        .replace("{task}", "t")
        .replace("{method}", "os")
        .replace("{token}", "4g1k7m9p2q5r")
        .replace("{name}", "n")
        .replace("{role}", "r")
        .replace("{run}", "u")
        .replace("{schedule}", "s")
        .replace("{node}", "7")
}

/// The table's routes, a path that does not exist, and a method that no path supports.
fn requests() -> Vec<(Method, String)> {
    let mut requests: Vec<_> = routes()
        .into_iter()
        .filter(|route| route.rule.who != Who::Everybody)
        .map(|route| (route.method, example(route.path)))
        .collect();
    assert!(!requests.iter().any(|(_, path)| path.contains('{')), "a segment without an example");
    requests.extend(routes().into_iter().map(|route| (Method::TRACE, example(route.path))));
    requests.extend(["/", "/api", "/api/v1/nothing"].map(|path| (Method::GET, path.to_owned())));
    requests
}

#[tokio::test]
async fn every_route_rejects_a_request_without_the_token() {
    let server = Server::new();
    let good = format!("Bearer {TOKEN}");
    for (method, path) in requests() {
        for tokens in [
            &[][..],
            &["Bearer wrong-wrong-wrong"],
            &["Basic 0123456789abcdef"],
            &[TOKEN],
            &[&good, &good],
        ] {
            let response = server.ask(&method, &path, tokens).await;
            assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer", "{method} {path}");
            let (status, problem) = server.problem(&method, &path, tokens).await;
            assert_eq!(
                (status.as_u16(), problem.kind()),
                (401, Some(ProblemKind::Unauthorized)),
                "{method} {path} with {tokens:?}"
            );
        }
        let status = server.ask(&method, &path, &[&good]).await.status();
        assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem_of_its_own_kind() {
    let server = Server::new();
    let good = [&*format!("Bearer {TOKEN}")];
    for (method, path, kind) in [
        (Method::GET, "/api/v1/nothing", ProblemKind::UnknownPath),
        (Method::DELETE, "/api/v1/hosts", ProblemKind::MethodNotAllowed),
        (Method::GET, "/api/v1/hosts/h/requests", ProblemKind::MethodNotAllowed),
        (Method::GET, "/api/v1/hosts/h", ProblemKind::UnknownHost),
        (Method::POST, "/api/v1/hosts/h/requests", ProblemKind::UnknownHost),
        (Method::GET, "/api/v1/hosts/h/results/t", ProblemKind::NoResult),
        (Method::GET, "/api/v1/hosts/h/results/t?wait=61", ProblemKind::InvalidRequest),
        (Method::GET, "/api/v1/hosts/h/results/t?wait=x", ProblemKind::InvalidRequest),
        (Method::GET, "/api/v1/hosts/h/results?limit=0", ProblemKind::InvalidRequest),
        (Method::GET, "/api/v1/hosts/h/results?nonsense=1", ProblemKind::InvalidRequest),
        (Method::GET, "/api/v1/hosts/%FF", ProblemKind::InvalidRequest),
    ] {
        let (_, problem) = server.problem(&method, path, &good).await;
        assert_eq!(problem.kind(), Some(kind), "{method} {path}: {problem:?}");
        assert!(!problem.detail.is_empty() && !problem.detail.contains('\n'), "{problem:?}");
    }
}
