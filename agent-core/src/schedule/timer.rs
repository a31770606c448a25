//! One timer for all jobs: it expires at a wall-clock instant, or when the clock is set.
//!
//! It is a timerfd_create(2) with `TFD_TIMER_CANCEL_ON_SET`: setting the clock (by hand, by an NTP
//! step, on resume) wakes the scheduler, so it does not have to poll the clock.

use super::Error;
use agent_sys::readiness;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId as Clock, clock_gettime};
use std::os::fd::{AsFd as _, OwnedFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long before it is due a run is prepared: it is accepted, made durable and given a
/// supervisor, which waits for the exact moment. So a hundred runs that are due in one second start
/// in it together.
const LEAD: TimeSpec = TimeSpec::new(0, 100_000_000);

/// The most readings of the clocks for one moment.
const MAX_READINGS: usize = 8;

/// How far apart the clocks may be read, in milliseconds.
const APART: i64 = 5;

/// The clocks at one moment, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970, by the wall clock.
    pub(crate) wall: i64,
    /// Since the host started, including suspended time; no one can set it.
    pub(crate) uptime: i64,
}

impl Moment {
    /// Returns this moment.
    ///
    /// # Errors
    /// [`Error::System`], which Linux never reports here.
    pub(crate) fn read() -> Result<Self, Error> {
        let read =
            |clock| clock_gettime(clock).map_err(|errno| Error::system("clock_gettime", errno));
        // A process that is stopped between the readings would see a step.
        let mut uptime = milliseconds(read(Clock::CLOCK_BOOTTIME)?);
        let mut wall = 0;
        for _ in 0..MAX_READINGS {
            wall = milliseconds(read(Clock::CLOCK_REALTIME)?);
            let before = std::mem::replace(&mut uptime, milliseconds(read(Clock::CLOCK_BOOTTIME)?));
            if uptime - before <= APART {
                break;
            }
        }
        Ok(Self { wall, uptime })
    }

    /// Returns the second since 1970 by the wall clock.
    pub(crate) fn now(self) -> i64 {
        self.wall.div_euclid(1000)
    }

    /// Returns the second [`LEAD`] later: runs that are due by then are prepared.
    pub(crate) fn soon(self) -> i64 {
        self.wall.saturating_add(milliseconds(LEAD)).div_euclid(1000)
    }

    /// Returns the wall clock when the host started, had it been set as it is now.
    pub(crate) fn boot(self) -> i64 {
        self.wall.saturating_sub(self.uptime)
    }
}

fn milliseconds(time: TimeSpec) -> i64 {
    time.tv_sec().saturating_mul(1000).saturating_add(time.tv_nsec() / 1_000_000)
}

/// The timer.
pub(crate) struct Timer {
    timer: TimerFd,
    /// A second descriptor of the timer, for the event loop.
    watched: AsyncFd<OwnedFd>,
}

impl Timer {
    /// Creates a stopped timer.
    ///
    /// # Errors
    /// [`Error::System`]: out of descriptors.
    pub(crate) fn new() -> Result<Self, Error> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)
            .map_err(|errno| Error::system("timerfd_create", errno))?;
        let second = timer.as_fd().try_clone_to_owned();
        let watched = second
            .and_then(|second| readiness::watch(second, Interest::READABLE))
            .map_err(|source| Error::system("epoll_ctl", source))?;
        Ok(Self { timer, watched })
    }

    /// Sets the timer to [`LEAD`] before an instant, or stops it. Returns `false` when the clock
    /// was set since the last call, so that the instant may be out of date.
    ///
    /// # Errors
    /// [`Error::System`], which Linux never reports here.
    pub(crate) fn set(&self, at: Option<i64>) -> Result<bool, Error> {
        let timer = &self.timer;
        let failed = |errno: Errno| Error::system("timerfd_settime", errno);
        // Zero would stop it; an instant that has passed expires at once.
        let Some(at) = at.map(|at| TimeSpec::new(at.max(1), 0) - LEAD) else {
            return timer.unset().map(|()| true).map_err(failed);
        };
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match timer.set(Expiration::OneShot(at), flags) {
            Ok(()) => Ok(true),
            // The timer is set all the same, and reports the change only once.
            Err(Errno::ECANCELED) => Ok(false),
            Err(errno) => Err(failed(errno)),
        }
    }

    /// Returns when the instant has come, or the clock was set. Dropping the future loses nothing.
    pub(crate) async fn expired(&self) {
        loop {
            // The descriptor is the timer's own: this only fails when the event loop stops.
            let Ok(mut ready) = self.watched.readable().await else {
                return std::future::pending().await;
            };
            let mut count = [0; 8];
            match nix::unistd::read(&self.timer, &mut count) {
                Err(Errno::EAGAIN) => ready.clear_ready(),
                // Expired, or ECANCELED: the clock was set.
                _ => return,
            }
        }
    }
}
