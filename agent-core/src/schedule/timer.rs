//! The one timer of all jobs: a wall-clock instant, and whether the clock has been set meanwhile.
//!
//! timerfd_create(2) with `TFD_TIMER_CANCEL_ON_SET`: a clock that is set (by hand, by NTP's steps, on resume) wakes the
//! scheduler, so nothing has to be looked at every minute to notice it.

use crate::Error;
use agent_sys::readiness;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId as Clock, clock_gettime};
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long before it is due a run is made ready: taken, made durable and given a supervisor, which waits for the moment
/// itself. So a hundred that are due in one second start in it together.
const LEAD: TimeSpec = TimeSpec::new(0, 100_000_000);

/// The clocks at one moment, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970, as the wall clock has it.
    pub(crate) now: i64,
    /// The same, a moment ([`LEAD`]) later: what is due by then is made ready.
    pub(crate) soon: i64,
    /// Since the host started, time asleep included: never set.
    pub(crate) uptime: i64,
}

impl Moment {
    /// This moment.
    ///
    /// # Errors
    /// [`Error::System`]; not on Linux.
    pub(crate) fn now() -> Result<Self, Error> {
        let read = |clock| {
            clock_gettime(clock)
                .map_err(|errno| Error::System { call: "clock_gettime", source: errno.into() })
        };
        let now = read(Clock::CLOCK_REALTIME)?;
        Ok(Self {
            now: now.tv_sec(),
            soon: (now + LEAD).tv_sec(),
            uptime: read(Clock::CLOCK_BOOTTIME)?.tv_sec(),
        })
    }

    /// Seconds by which the wall clock has been set between another moment and this.
    pub(crate) fn set_since(self, earlier: Self) -> i64 {
        self.now.saturating_sub(earlier.now).saturating_sub(self.uptime.saturating_sub(earlier.uptime))
    }
}

/// The timer.
pub(crate) struct Timer {
    timer: TimerFd,
    /// A second descriptor of the same timer, for the loop to watch.
    watched: AsyncFd<OwnedFd>,
}

impl Timer {
    /// One that stands still.
    ///
    /// # Errors
    /// [`Error::System`]: out of descriptors.
    pub(crate) fn new() -> Result<Self, Error> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)
            .map_err(|errno| Error::System { call: "timerfd_create", source: errno.into() })?;
        let second = timer.as_fd().try_clone_to_owned();
        let watched = second
            .and_then(|second| readiness::watch(second, Interest::READABLE))
            .map_err(|source| Error::System { call: "epoll_ctl", source })?;
        Ok(Self { timer, watched })
    }

    /// Sets it to a moment ([`LEAD`]) before an instant, or stops it. `false`: the clock has been set since the timer was last set, so the instant
    /// may be another by now.
    ///
    /// # Errors
    /// [`Error::System`]; not on Linux.
    pub(crate) fn set(&self, at: Option<i64>) -> Result<bool, Error> {
        let timer = &self.timer;
        let failed = |errno: Errno| Error::System { call: "timerfd_settime", source: errno.into() };
        // Zero would stop it; whatever has come by then is due at once.
        let Some(at) = at.map(|at| TimeSpec::new(at.max(1), 0) - LEAD) else {
            return timer.unset().map(|()| true).map_err(failed);
        };
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match timer.set(Expiration::OneShot(at), flags) {
            Ok(()) => Ok(true),
            // It stands all the same, and says so once only.
            Err(Errno::ECANCELED) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Comes back when the instant has come, or the clock was set. Dropping the future loses nothing.
    pub(crate) async fn expired(&self) {
        loop {
            // The descriptor is the timer's own: nothing but the end of the loop could fail here.
            let Ok(mut ready) = self.watched.readable().await else { return std::future::pending().await };
            let mut count = [0; 8];
            match nix::unistd::read(&self.timer, &mut count) {
                Err(Errno::EAGAIN) => ready.clear_ready(),
                // Expired, or ECANCELED: the clock was set.
                _ => return,
            }
        }
    }
}
