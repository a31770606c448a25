//! Follows what the times of jobs come from besides their definitions: the host's time zone, the
//! files of zones, and calendars (docs/schedules.md rule 22).

use super::scheduler::{Scheduler, now};
use super::watch::Watch;
use std::sync::Arc;
use tokio::sync::watch;

impl Scheduler {
    /// Plans jobs again whenever a zone or a calendar has changed, until shutdown.
    pub(super) async fn keep_sources(
        self: Arc<Self>,
        watch: Option<Watch>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let Some(mut watch) = watch else { return };
        loop {
            let changed = tokio::select! {
                _ = shutdown.wait_for(|shutdown| *shutdown) => return,
                () = self.planned.notified() => Ok(false),
                changed = watch.changed() => changed.map(|()| true),
            };
            if changed.as_ref().is_ok_and(|changed| *changed) {
                self.refresh_sources().await;
            }
            if let Err(error) = changed.and_then(|_| watch.set(self.reader.directories())) {
                return unwatched(&error);
            }
        }
    }

    /// Returns a watch of the places of zones and calendars, if that is possible.
    pub(super) fn watch_sources(&self) -> Option<Watch> {
        Watch::new(self.reader.directories()).inspect_err(unwatched).ok()
    }

    async fn refresh_sources(&self) {
        let settings = self.settings.lock().clone();
        if self.reader.reload(&settings.timezone, &settings.calendar) {
            log::info!("a time zone or a calendar has changed: planning all jobs again");
            self.plan_by_new_rules().await;
            // Their problems may be over.
            self.dir.send_modify(|_| {});
        }
    }

    /// Plans all jobs by other zones or calendars. Runs that were due by the old ones are not made
    /// up for; runs that are due in this second are.
    pub(super) async fn plan_by_new_rules(&self) {
        self.parsed_jobs().clear();
        let now = now();
        self.plan_all(|times, base| base.max(now - 1 - times.jitter)).await;
    }
}

fn unwatched(error: &super::Error) {
    log::error!("cannot watch time zones and calendars; SIGHUP reads them again: {error}");
}
