//! The addresses of every page, and of the completions that its fields ask for.

use crate::client::Client;
use crate::fill;
use serde_json::Value;

/// Returns the addresses. `waiting` is a run that is on its way.
pub(crate) fn pages(client: &mut Client, waiting: &str) -> Vec<String> {
    let (large, small) = fill::runs_of_each_kind();
    let host = "/hosts/host-054321";
    let mut pages: Vec<String> = [
        "/",
        "/hosts",
        "/hosts?after=host-099000",
        "/hosts?q=host",
        "/hosts?q=web",
        "/hosts?q=web&after=host-099000",
        "/hosts?q=054321",
        "/hosts?q=no-such-host",
        "/hosts?l=role%3Dweb",
        "/hosts?l=env%21%3Dprod",
        "/hosts?l=role%3Dweb%2Csite%3Dsin1",
        "/hosts?l=rack%3Dr7%2Crole%3Ddb",
        "/hosts?l=role%3Dweb&q=host",
        "/hosts?l=role%3Dweb&q=mail",
        "/hosts?l=site%3Dfra1&q=gru1",
        "/hosts?l=os.id%3Ddebian&q=web",
        "/hosts?l=rack%3Dr7&q=host",
        "/hosts?l=role%3Dweb&q=host&state=away",
        "/hosts?state=away",
        "/hosts?state=online",
        "/hosts?state=quarantined",
        "/hosts?state=quarantined&q=host",
        "/hosts?columns=site%2Cos%3Arelease.version_id%2Cmemory%3Atotal_bytes",
        "/runs",
        "/runs?state=ended",
        "/runs?operator=operator-07",
        "/runs/new",
        "/runs/new?l=role%3Dweb&command=true",
        "/runs/new?l=&command=true",
        "/history",
        "/history?state=failed",
        "/history?operator=operator-07&state=failed",
        "/history?host=host-054321",
        "/budgets",
        "/schedules",
        "/schedules/new",
        "/schedules/forecast",
        "/schedules/job-00",
        "/schedules/job-00/edit",
        "/schedules/job-00/history",
        "/schedules/job-00/hosts",
        "/schedules/job-00/hosts?state=failed",
        "/schedules/job-00/results",
        "/facts",
        "/facts?path=%24.os.release.version_id",
        "/facts?path=%24.packages%5B%3F%40.name%3D%3D%27bash%27%5D.version",
        "/facts?path=%24.os.release.version_id&l=role%3Dweb%2Csite%3Dsin1",
        "/facts/count?path=%24.os.release.version_id",
        "/facts/count?path=%24.os.release.version_id&l=role%3Dweb",
        "/facts/packages",
        "/facts/packages?name=bash",
        "/facts/packages?name=bash&below=99",
        "/facts/services?name=apt-daily.service",
        "/facts/certificates",
        "/facts/certificates?days=3650",
        "/facts/diff?from=host-000001&to=host-054321&method=packages",
        "/join",
        "/people",
        "/people/ann",
        "/roles",
        "/roles/operator",
        "/me",
        "/audit",
        "/audit?actor=token-file",
        "/audit?action=hosts.label",
        "/system",
        "/api/v1/labels?q=",
        "/api/v1/labels?q=ra",
        "/api/v1/labels?q=rack%3Dr1",
        "/api/v1/labels?q=hostname%3Dweb",
    ]
    .map(str::to_owned)
    .to_vec();
    for tab in [
        "",
        "/facts/packages",
        "/facts/certificates",
        "/changes",
        "/tasks",
        "/schedules",
        "/events",
        "/run",
    ] {
        pages.push(format!("{host}{tab}"));
    }
    for run in [&large, &small, waiting] {
        pages.push(format!("/runs/{run}"));
    }
    pages.push(format!("/runs/{large}?state=failed"));
    pages.push(format!("/runs/{large}/hosts/host-054321"));
    let (_, tokens) = client.send("GET", "/api/v1/tokens?limit=1", &Value::Null);
    let token = tokens["tokens"][0]["id"].as_str().unwrap();
    pages.push(format!("/join/tokens/{token}"));
    pages
}

/// Returns addresses whose answers depend on which hosts an operator reaches.
pub(crate) fn limited_pages() -> Vec<String> {
    let host = "/hosts/host-000004";
    let mut pages: Vec<String> = [
        "/",
        "/hosts",
        "/hosts?after=host-099000",
        "/hosts?q=host",
        "/hosts?q=web",
        "/hosts?q=mail",
        "/hosts?q=000004",
        "/hosts?q=no-such-host",
        "/hosts?l=role%3Dweb",
        "/hosts?l=role%3Ddb",
        "/hosts?l=env%21%3Dprod",
        "/hosts?l=role%3Dweb%2Csite%3Dsin1",
        "/hosts?l=rack%3Dr7%2Crole%3Ddb",
        "/hosts?l=role%3Ddb&q=mail",
        "/hosts?state=away",
        "/hosts?state=online",
        "/hosts?state=quarantined",
        "/hosts?columns=site%2Cos%3Arelease.version_id%2Cmemory%3Atotal_bytes",
        "/runs",
        "/runs/new",
        "/runs/new?l=env%3Dprod&command=true",
        "/history",
        "/history?state=failed",
        "/facts",
        "/facts?path=%24.os.release.version_id",
        "/facts/count?path=%24.os.release.version_id",
        "/facts/packages?name=bash",
        "/facts/services?name=apt-daily.service",
        "/facts/certificates",
        "/join",
        "/me",
        "/api/v1/fleet",
        "/api/v1/labels?q=",
        "/api/v1/labels?q=rack%3Dr1",
        "/api/v1/labels?q=hostname%3Dweb",
        "/api/v1/fleet/count?selector=env%3Dprod",
    ]
    .map(str::to_owned)
    .to_vec();
    for tab in ["", "/facts/packages", "/changes", "/tasks", "/run"] {
        pages.push(format!("{host}{tab}"));
    }
    pages
}
