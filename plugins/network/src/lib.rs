//! `getinfo.network`: interfaces, their addresses, routes and name servers.
//!
//! Everything comes from rtnetlink(7), /sys/class/net and resolv.conf(5), in the agent's network
//! namespace; nothing is run and root is not required.

mod address;
mod dns;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod link;
mod route;

use std::collections::HashMap;
use std::io;

use nix::sys::socket::SockProtocol;
use plugin_api::{
    Args, Context, Meta, Opt, Options, Provider, ProviderError, Reply, export_provider,
};
use readers::netlink::{Limits, Netlink};
use serde::Serialize;

use dns::Dns;
use link::Interface;
use route::{MAX_ROUTES, Route};

struct Network;

/// The bounds of a dump of interfaces or addresses. Hosts of thousands of containers have some MiB.
const LIMITS: Limits = Limits { items: 100_000, bytes: 128 << 20 };
/// The most bytes that are received of a dump of routes; a router with a full table has far more.
const MAX_DUMP_BYTES: usize = 8 << 20;
/// The most interfaces and addresses in one answer, which must not be longer than 4 MiB.
const MAX_INTERFACES: usize = 1500;
const MAX_ADDRESSES: usize = 4000;

/// The answer. Field names are stable: fields may be added, none is renamed or removed.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Answer {
    /// Interfaces by index, each with its addresses; at most 1,500, and 4,000 addresses.
    interfaces: Vec<Interface>,
    /// Whether there are more interfaces or addresses; `-i` shows any interface.
    interfaces_truncated: bool,
    /// Routes of the main table, IPv4 first, then IPv6; at most 5,000.
    routes: Vec<Route>,
    /// Whether there are more routes.
    routes_truncated: bool,
    /// The gateways of the default routes, the preferred one of each family first.
    default_gateways: Vec<Gateway>,
    /// Name resolution.
    dns: Dns,
}

/// The gateway of a default route.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Gateway {
    /// The family: `inet` or `inet6`.
    family: &'static str,
    /// The router's address; null if the default route is on the link (point-to-point).
    gateway: Option<String>,
    /// The interface of the route.
    device: Option<String>,
    /// The metric; the lowest wins.
    metric: u32,
}

/// A call's arguments.
#[derive(Default)]
struct Selection {
    interface: Option<String>,
}

const OPTIONS: Options<Selection> = Options::new(&[Opt::value(
    "-i IFACE",
    "show this interface and the routes through it only",
    |selection, value| {
        selection.interface = Some(value.as_str().to_owned());
        Ok(())
    },
)]);

impl Provider for Network {
    fn describe() -> Meta {
        Meta::new(
            "getinfo.network",
            env!("CARGO_PKG_VERSION"),
            "interfaces, addresses, routes and name servers",
        )
        .options(&OPTIONS)
        .output_schema(include_str!("../schema.json"))
        .example("", "all interfaces, routes and name servers")
        .example("-i lo", "the loopback interface")
    }

    fn call(args: &Args, _ctx: &Context) -> Result<Reply, ProviderError> {
        let selection = OPTIONS.parse(args)?;
        let mut answer = Answer::collect().map_err(|error| {
            ProviderError::new("netlink", format!("cannot read interfaces by rtnetlink: {error}"))
        })?;
        if let Some(name) = selection.interface {
            answer.keep(&name)?;
        }
        answer.finish();
        Reply::json(&answer)
    }
}

impl Answer {
    fn collect() -> io::Result<Self> {
        let mut netlink = Netlink::open(SockProtocol::NetlinkRoute)?;
        let links = link::read(&mut netlink)?;
        let addresses = address::read(&mut netlink)?;
        let interfaces_truncated = links.truncated || addresses.truncated;
        let mut interfaces = links.items;
        let places: HashMap<u32, usize> =
            interfaces.iter().enumerate().map(|(place, link)| (link.index, place)).collect();
        for (index, address) in addresses.items {
            if let Some(place) = places.get(&index) {
                interfaces[*place].addresses.push(address);
            }
        }
        let name = |index: u32| places.get(&index).map(|place| interfaces[*place].name.clone());
        let masters: Vec<Option<String>> =
            interfaces.iter().map(|interface| name(interface.master_index?)).collect();
        let mut routes = Vec::new();
        let mut routes_truncated = false;
        for family in [2, 10] {
            // A kernel without IPv6 rejects the dump.
            let Ok(mut dump) = route::read(&mut netlink, family, &name) else { continue };
            routes.append(&mut dump.items);
            routes_truncated |= dump.truncated;
        }
        routes_truncated |= routes.len() > MAX_ROUTES;
        let default_gateways = gateways(&routes);
        for (interface, master) in interfaces.iter_mut().zip(masters) {
            interface.master = master;
        }
        Ok(Self {
            interfaces,
            interfaces_truncated,
            routes,
            routes_truncated,
            default_gateways,
            dns: Dns::read(),
        })
    }

    /// Cuts the lists, and completes the interfaces that are left.
    fn finish(&mut self) {
        self.routes.truncate(MAX_ROUTES);
        self.interfaces_truncated |= self.interfaces.len() > MAX_INTERFACES;
        self.interfaces.truncate(MAX_INTERFACES);
        let mut room = MAX_ADDRESSES;
        for interface in &mut self.interfaces {
            self.interfaces_truncated |= interface.addresses.len() > room;
            interface.addresses.truncate(room);
            room -= interface.addresses.len();
            interface.read_sysfs();
        }
    }

    /// Keeps only what belongs to one interface.
    fn keep(&mut self, name: &str) -> Result<(), ProviderError> {
        self.interfaces.retain(|interface| interface.name == name);
        if self.interfaces.is_empty() {
            return Err(ProviderError::new(
                "no_such_interface",
                format!("no such interface: {name}"),
            ));
        }
        let is_it = |device: &Option<String>| device.as_deref() == Some(name);
        self.routes.retain(|route| {
            is_it(&route.device) || route.nexthops.iter().any(|hop| is_it(&hop.device))
        });
        self.default_gateways.retain(|gateway| is_it(&gateway.device));
        Ok(())
    }
}

/// Collects the gateways. The kernel orders the routes to one destination by metric, and IPv4 comes
/// first.
fn gateways(routes: &[Route]) -> Vec<Gateway> {
    let mut gateways = Vec::new();
    for route in routes.iter().filter(|route| route.is_default) {
        let (family, metric) = (route.family, route.metric);
        let mut add = |gateway: &Option<String>, device: &Option<String>| {
            gateways.push(Gateway {
                family,
                gateway: gateway.clone(),
                device: device.clone(),
                metric,
            });
        };
        // An unreachable default has no way out.
        if route.device.is_some() {
            add(&route.gateway, &route.device);
        }
        route.nexthops.iter().for_each(|hop| add(&hop.gateway, &hop.device));
    }
    gateways
}

export_provider!(Network);

#[cfg(test)]
plugin_api::testing::schema_test!(Answer);
