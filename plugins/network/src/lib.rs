//! `getinfo.network`: interfaces, their addresses, routes and the name servers of this host.
//!
//! Everything comes from rtnetlink(7), /sys/class/net and resolv.conf(5); nothing is run and no root is needed. It is
//! that of the network namespace the agent runs in.

mod address;
mod dns;
mod link;
mod netlink;
mod route;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use nix::sys::socket::SockProtocol;
use plugin_api::{Args, Context, Meta, Provider, ProviderError, Reply, export_provider};
use serde::Serialize;

use dns::Dns;
use link::Interface;
use netlink::Netlink;
use route::{MAX_ROUTES, Route};

struct Network;

/// What is read of one file.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// The answer. Its field names are stable: new ones may join, none changes.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Interfaces by index, each with its addresses.
    interfaces: Vec<Interface>,
    /// The main table of IPv4, then that of IPv6; 5,000 routes at the most.
    routes: Vec<Route>,
    /// Whether there are more routes.
    routes_truncated: bool,
    /// The routers of the default routes, the preferred one of each family first.
    default_gateways: Vec<Gateway>,
    /// Whom this host asks for names.
    dns: Dns,
}

/// Where traffic goes that no other route is for.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Gateway {
    /// `inet` or `inet6`.
    family: &'static str,
    /// The router's address; null where the default is on the link (point-to-point).
    gateway: Option<String>,
    /// The interface it is reached by.
    device: Option<String>,
    /// Lower ones win.
    metric: u32,
}

impl Provider for Network {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.network",
            env!("CARGO_PKG_VERSION"),
            "interfaces, addresses, routes and name servers",
        )
        .arg("-i IFACE", "this interface, and the routes by it, only")
        .output_schema(include_str!("../schema.json"))
        .example("", "all interfaces, routes and name servers")
        .example("-i lo", "the loopback interface")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let mut words = args.words();
        let only = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some("-i"), Some(name), None) => Some(name),
            _ => return Err(ProviderError::usage("nothing, or -i IFACE")),
        };
        let mut answer = Answer::collect()
            .map_err(|error| ProviderError::new("netlink", format!("rtnetlink does not answer: {error}")))?;
        if let Some(name) = only {
            answer.keep(name)?;
        }
        Reply::json(&answer)
    }
}

impl Answer {
    fn collect() -> io::Result<Self> {
        let mut netlink = Netlink::open(SockProtocol::NetlinkRoute)?;
        let mut interfaces = link::read(&netlink.dump(link::GET, &[0; 16])?);
        for (index, address) in address::read(&netlink.dump(address::GET, &[0; 8])?) {
            if let Some(interface) = interfaces.iter_mut().find(|interface| interface.index == index) {
                interface.addresses.push(address);
            }
        }
        let name = |index: u32| {
            interfaces
                .iter()
                .find(|interface| interface.index == index)
                .map(|interface| interface.name.clone())
        };
        let mut routes = Vec::new();
        let mut routes_truncated = false;
        for family in [2, 10] {
            let mut request = [0; 12];
            request[0] = family;
            // A kernel without IPv6 refuses its dump.
            let Ok(dump) = netlink.dump(route::GET, &request) else { continue };
            routes.append(&mut route::read(&dump, &name));
            if dump.truncated {
                routes_truncated = true;
                netlink = Netlink::open(SockProtocol::NetlinkRoute)?;
            }
        }
        routes_truncated |= routes.len() > MAX_ROUTES;
        let default_gateways = gateways(&routes);
        routes.truncate(MAX_ROUTES);
        Ok(Self { interfaces, routes, routes_truncated, default_gateways, dns: Dns::read() })
    }

    /// What has to do with one interface.
    fn keep(&mut self, name: &str) -> Result<(), ProviderError> {
        self.interfaces.retain(|interface| interface.name == name);
        if self.interfaces.is_empty() {
            return Err(ProviderError::new("no_such_interface", format!("no such interface: {name}")));
        }
        let is_it = |device: &Option<String>| device.as_deref() == Some(name);
        self.routes
            .retain(|route| is_it(&route.device) || route.nexthops.iter().any(|hop| is_it(&hop.device)));
        self.default_gateways.retain(|gateway| is_it(&gateway.device));
        Ok(())
    }
}

/// The kernel keeps the routes to one destination by metric, and IPv4's come first.
fn gateways(routes: &[Route]) -> Vec<Gateway> {
    let mut gateways = Vec::new();
    for route in routes.iter().filter(|route| route.is_default) {
        let (family, metric) = (route.family, route.metric);
        let mut add = |gateway: &Option<String>, device: &Option<String>| {
            gateways.push(Gateway { family, gateway: gateway.clone(), device: device.clone(), metric });
        };
        // An unreachable default has no way out.
        if route.device.is_some() {
            add(&route.gateway, &route.device);
        }
        route.nexthops.iter().for_each(|hop| add(&hop.gateway, &hop.device));
    }
    gateways
}

/// A text, or its beginning; not valid UTF-8 is shown with replacement characters.
fn read_bounded(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_FILE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

export_provider!(Network);

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_is_that_of_the_answer() {
        plugin_api::testing::assert_schema::<super::Answer>(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/schema.json"
        ));
    }
}
