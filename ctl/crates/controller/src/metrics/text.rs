//! The OpenMetrics text of everything that is counted.

use super::latency::Snapshot;
use super::{Latency, Metrics, Process, Routes, StoreMetrics};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The text's media type.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is read when somebody asks, rather than counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gauges {
    /// Sessions by the state of their hosts.
    pub(crate) connected: Vec<(&'static str, u64)>,
    /// Hosts by state, connected or not.
    pub(crate) hosts: Vec<(&'static str, u64)>,
    /// Connections that are not sessions yet.
    pub(crate) opening: u64,
    /// Requests that hosts have not answered yet.
    pub(crate) requests_waiting: u64,
    /// Runs that are active.
    pub(crate) active_runs: u64,
    /// The targets of active runs by state.
    pub(crate) run_targets: Vec<(&'static str, u64)>,
    /// Bytes on their way to agents.
    pub(crate) outgoing_bytes: u64,
    /// Bytes of results and changes that wait for the disk.
    pub(crate) store_queue_bytes: u64,
    /// Certificates of hosts by the time until they end: the bucket's upper bound and the number of
    /// all below it.
    pub(crate) certificates: Vec<(&'static str, u64)>,
    /// When the controller's own certificates end: seconds since 1970.
    pub(crate) ca_ends: Vec<(&'static str, u64)>,
    /// Lines of the audit log.
    pub(crate) audit_lines: u64,
    /// Whether `/readyz` would say so.
    pub(crate) ready: bool,
    /// The process.
    pub(crate) process: Process,
}

/// Makes the text.
pub(crate) fn text(
    metrics: &Arc<Metrics>,
    store: &Arc<StoreMetrics>,
    routes: &Arc<Routes>,
    gauges: Gauges,
) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Everything {
        metrics: Arc::clone(metrics),
        store: Arc::clone(store),
        routes: Arc::clone(routes),
        gauges,
    }));
    let mut text = String::with_capacity(32 << 10);
    encode(&mut text, &registry).expect("texts go to memory");
    text
}

#[derive(Debug)]
struct Everything {
    metrics: Arc<Metrics>,
    store: Arc<StoreMetrics>,
    routes: Arc<Routes>,
    gauges: Gauges,
}

impl Collector for Everything {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Encoder(encoder);
        self.agents(&mut to)?;
        self.store(&mut to)?;
        self.api(&mut to)?;
        self.certificates(&mut to)?;
        self.process(&mut to)
    }
}

impl Everything {
    fn agents(&self, to: &mut Encoder<'_>) -> fmt::Result {
        let Gauges { connected, hosts, opening, requests_waiting, outgoing_bytes, .. } =
            &self.gauges;
        to.gauges("basicagent_connected_hosts", "Connected hosts by state", "state", connected)?;
        to.gauges("basicagent_hosts", "Hosts by state, connected or not", "state", hosts)?;
        let counts = self.metrics.handshakes.get();
        let help = "Agents' connections by what became of them";
        to.counters("basicagent_handshakes", help, "outcome", counts)?;
        let counts = self.metrics.enrollments.get();
        let help = "Requests to join or to recover by the answer";
        to.counters("basicagent_enrollments", help, "outcome", counts)?;
        let counts = self.metrics.renewals.get();
        let help = "Requests for a new certificate by the answer";
        to.counters("basicagent_renewals", help, "outcome", counts)?;
        let help = "Connections that are not sessions yet";
        to.gauge("basicagent_opening_connections", help, *opening)?;
        let help = "Requests that hosts have not answered yet";
        to.gauge("basicagent_requests_waiting", help, *requests_waiting)?;
        let help = "Runs that are active";
        to.gauge("basicagent_active_runs", help, self.gauges.active_runs)?;
        let help = "Hosts of active runs by the state of their target";
        to.gauges("basicagent_run_targets", help, "state", &self.gauges.run_targets)?;
        let help = "Bytes that wait for agents to read them";
        to.gauge("basicagent_outgoing_bytes", help, *outgoing_bytes)
    }

    fn store(&self, to: &mut Encoder<'_>) -> fmt::Result {
        let help = "Bytes that wait for the disk";
        to.gauge("basicagent_store_queue_bytes", help, self.gauges.store_queue_bytes)?;
        let help = "Results that were acknowledged since they are on disk, redelivered ones too";
        to.counter("basicagent_results_acknowledged", help, self.store.results.get())?;
        to.latency("basicagent_store_commit_seconds", "Commits to disk", &self.store.commits)?;
        to.latency("basicagent_store_read_seconds", "Queries that only read", &self.store.reads)
    }

    fn api(&self, to: &mut Encoder<'_>) -> fmt::Result {
        let name = "basicagent_api_requests";
        let mut family = to.family(name, "API requests by operation and class of status")?;
        for route in self.routes.all() {
            for (class, count) in route.by_class() {
                let labels = [("operation", route.id.as_str()), ("status", class)];
                family
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let name = "basicagent_api_request_seconds";
        let mut family = to.0.encode_descriptor(
            name,
            "API requests by operation, from the request's head to the response's",
            None,
            MetricType::Histogram,
        )?;
        for route in self.routes.all() {
            let Snapshot { count, sum, buckets } = route.latency.snapshot();
            if count > 0 {
                let labels = [("operation", route.id.as_str())];
                let mut of_route = family.encode_family(&labels)?;
                of_route.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
            }
        }
        let counts = self.metrics.login_failures.get();
        let help = "Log-ins and requests that proved nobody's identity, by reason";
        to.counters("basicagent_login_failures", help, "reason", counts)?;
        let help = "Lines of the audit log since it began, deleted ones too";
        to.counter("basicagent_audit_lines", help, self.gauges.audit_lines)
    }

    fn certificates(&self, to: &mut Encoder<'_>) -> fmt::Result {
        let help = "Hosts whose certificate of the own CA ends within the time; +Inf counts all";
        let name = "basicagent_certificates_ending";
        to.gauges(name, help, "within", &self.gauges.certificates)?;
        let help = "When the controller's own certificates end, in seconds since 1970";
        let name = "basicagent_ca_certificate_end_seconds";
        to.gauges(name, help, "certificate", &self.gauges.ca_ends)
    }

    fn process(&self, to: &mut Encoder<'_>) -> fmt::Result {
        let Gauges { process, ready, .. } = &self.gauges;
        let help = "1 if the controller can do all of its work";
        to.gauge("basicagent_ready", help, u64::from(*ready))?;
        let mut info = to.0.encode_descriptor(
            "basicagent_build",
            "The controller's version",
            None,
            MetricType::Info,
        )?;
        info.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        to.gauge("process_resident_memory_bytes", "Resident memory", process.resident)?;
        to.gauge("process_open_fds", "Open files and sockets", process.descriptors)?;
        let help = "How many files and sockets may be open";
        to.gauge("process_max_fds", help, process.max_descriptors)?;
        let started = self.metrics.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        let help = "When the process started, in seconds since 1970";
        to.real_gauge("process_start_time_seconds", help, started.as_secs_f64())?;
        let help = "Processor time used";
        let mut cpu =
            to.0.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
        cpu.encode_counter::<NoLabelSet, f64, u64>(&process.cpu.as_secs_f64(), None)
    }
}

/// Writes one metric after the other.
struct Encoder<'a>(DescriptorEncoder<'a>);

impl Encoder<'_> {
    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
    ) -> Result<prometheus_client::encoding::MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Counter)
    }

    fn counter(&mut self, name: &str, help: &str, count: u64) -> fmt::Result {
        self.family(name, help)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: impl Iterator<Item = (&'static str, u64)>,
    ) -> fmt::Result {
        let mut family = self.family(name, help)?;
        for (value, count) in counts {
            let labels = [(label, value)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn real_gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: &[(&'static str, u64)],
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (text, value) in values {
            family.encode_family(&[(label, *text)])?.encode_gauge(value)?;
        }
        Ok(())
    }

    fn latency(&mut self, name: &str, help: &str, latency: &Latency) -> fmt::Result {
        let Snapshot { count, sum, buckets } = latency.snapshot();
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }
}
