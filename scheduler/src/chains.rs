//! Several searches of one problem side by side, spread over threads, with exchange of the best.
//!
//! Chains meet after a fixed number of steps, never after a time, so the number of threads changes
//! how long a step budget takes and nothing of what it finds. What a step does is the chain's own.

use std::thread;

use crate::stop::Stop;

/// One search that can be run on for a while.
pub(crate) trait Chain: Send {
    /// Does at most so many steps and gives how many it did. Ends early when it is asked to stop
    /// or has nothing left to find.
    fn run(&mut self, steps: u64, stop: Stop) -> u64;

    /// What the best found so far is worth: smaller is better.
    fn rank(&self) -> i64;

    /// Whether this chain knows that nothing better exists, so that all may end.
    fn is_done(&self) -> bool {
        false
    }

    /// Takes note of the best chain of a round; called on every other chain.
    fn learn(&mut self, best: &Self);
}

/// Runs all chains in rounds of `round` steps each until the stop. The step budget of `stop` is
/// the sum over all chains. Gives the steps done in all.
pub(crate) fn run<C: Chain + Sync>(chains: &mut [C], threads: usize, round: u64, stop: Stop) -> u64 {
    let count = chains.len() as u64;
    let mut done = 0;
    loop {
        let left = stop.steps.map_or(u64::MAX, |steps| steps.saturating_sub(done));
        if left == 0 || (stop.asked)() || chains.iter().any(Chain::is_done) {
            return done;
        }
        // The budget is shared out before the round, in order of the chains.
        let shares = (0..count).map(|row| round.min(left / count + u64::from(row < left % count)));
        let shares: Vec<u64> = shares.collect();
        let did = run_round(chains, &shares, threads, stop);
        done += did;
        exchange(chains);
        if did == 0 {
            return done;
        }
    }
}

fn run_round<C: Chain>(chains: &mut [C], shares: &[u64], threads: usize, stop: Stop) -> u64 {
    let per_thread = chains.len().div_ceil(threads.max(1)).max(1);
    let some = |chains: &mut [C], shares: &[u64]| -> u64 {
        chains.iter_mut().zip(shares).map(|(chain, share)| chain.run(*share, stop)).sum()
    };
    if per_thread >= chains.len() {
        return some(chains, shares);
    }
    thread::scope(|scope| {
        let parts = chains.chunks_mut(per_thread).zip(shares.chunks(per_thread));
        let running: Vec<_> = parts.map(|(chains, shares)| scope.spawn(move || some(chains, shares))).collect();
        let ended = running.into_iter().map(|thread| thread.join());
        ended.map(|did| did.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).sum()
    })
}

fn exchange<C: Chain>(chains: &mut [C]) {
    let Some((best, _)) = chains.iter().enumerate().min_by_key(|(row, chain)| (chain.rank(), *row)) else { return };
    let (before, rest) = chains.split_at_mut(best);
    if let Some((best, after)) = rest.split_first_mut() {
        before.iter_mut().chain(after).for_each(|chain| chain.learn(&*best));
    }
}
