//! When a search ends, and how it tells what it has found so far.
//!
//! No clock is read here or anywhere in the crate: whoever wants a limit of time hands in a
//! question that turns to yes.

/// When a search ends: whichever comes first.
#[derive(Clone, Copy)]
pub struct Stop<'a> {
    /// Steps in all; the same number gives the same result on every machine. None for no limit.
    pub steps: Option<u64>,
    /// Asked now and then (every few hundred microseconds of work): whether to end now.
    pub asked: &'a (dyn Fn() -> bool + Sync),
}

impl Stop<'_> {
    /// Ends after a number of steps and for no other reason.
    #[must_use]
    pub fn after(steps: u64) -> Self {
        Self { steps: Some(steps), asked: &|| false }
    }
}

impl<'a> Stop<'a> {
    /// Ends when asked to, and for no other reason.
    #[must_use]
    pub fn when(asked: &'a (dyn Fn() -> bool + Sync)) -> Self {
        Self { steps: None, asked }
    }
}

impl std::fmt::Debug for Stop<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stop").field("steps", &self.steps).finish_non_exhaustive()
    }
}

/// How a search is run. None of it changes what a step budget finds.
#[derive(Clone, Copy)]
pub struct Params<'a> {
    /// Threads of the operating system to spread the work over; 0 counts as 1.
    pub threads: usize,
    /// How much of the time there is has gone by, from 0 to 1, where a limit of time is known: a
    /// search that cools down then reaches its end in time. Without it the step budget tells.
    pub gone: Option<&'a (dyn Fn() -> f64 + Sync)>,
    /// Told of every better plan or bound, from whichever thread finds it.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

impl Default for Params<'_> {
    fn default() -> Self {
        Self { threads: 1, gone: None, progress: &|_| {} }
    }
}

impl std::fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Params").field("threads", &self.threads).finish_non_exhaustive()
    }
}

/// What a search has found so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Objective of the best plan; none while there is none.
    pub objective: Option<i64>,
    /// A true lower bound of the whole problem; none when none is known.
    pub bound: Option<i64>,
    /// Steps taken by the chain that reports.
    pub steps: u64,
}
