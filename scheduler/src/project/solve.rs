//! The way from a project to its best plan known: what follows at once, then two searches side by
//! side. Reads no clock; what it finds for a number of steps is the same on any number of threads.

use super::chain::{ProjectChain, Role};
use super::closure::{Closure, NoClosure};
use super::engine::{Conclusion, Engine};
use super::model::{Project, ProjectPlan};
use super::network::Network;
use super::search::{Rule, Search};
use crate::chains;
use crate::spec::Slot;
use crate::stop::{Params, Stop};

/// Steps between two meetings of the searches.
const ROUND: u64 = 200;

/// What is known of a project after a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectOutcome {
    /// The best plan found.
    pub plan: Option<ProjectPlan>,
    /// When it ends, in slots.
    pub objective: Option<Slot>,
    /// No plan ends earlier; equal to the objective when that is proved best. None when there is no
    /// plan, or nothing was found out.
    pub lower_bound: Option<Slot>,
    /// Whether it is proved that the project has no plan.
    pub infeasible_proved: bool,
    /// Steps taken by all searches together.
    pub steps: u64,
}

impl ProjectOutcome {
    fn infeasible(steps: u64) -> Self {
        Self { infeasible_proved: true, steps, ..Self::default() }
    }
}

/// Looks for a plan of a project that ends as early as possible, until it is proved to be best, or
/// proved that there is none, or until the stop.
#[must_use]
pub fn solve_project(project: &Project, params: &Params, seed: u64, stop: Stop) -> ProjectOutcome {
    let closure = match Closure::of(project, stop.asked) {
        Ok(closure) => Some(closure),
        Err(NoClosure::Impossible) => return ProjectOutcome::infeasible(0),
        Err(NoClosure::NotTried) => None,
    };
    if (stop.asked)() {
        return ProjectOutcome::default();
    }
    let mut engine = Engine::default();
    let network = Network::of(project, closure.as_ref(), &mut engine);
    if network.is_impossible {
        return ProjectOutcome::infeasible(0);
    }
    loop {
        match engine.propagate() {
            Conclusion::All => break,
            Conclusion::Contradiction => return ProjectOutcome::infeasible(0),
            Conclusion::Paused if (stop.asked)() => return ProjectOutcome::default(),
            Conclusion::Paused => {}
        }
    }
    engine.settle();
    let mut improver = Search::new(engine, network);
    let mut prover = improver.clone();
    if let Some(closure) = &closure {
        prover.network.add_orders(closure, &mut prover.engine);
    }
    improver.rule = Rule::Tightest;
    let mut chains = [
        ProjectChain::new(project, Role::Prove, prover, seed, params.progress),
        ProjectChain::new(project, Role::Improve, improver, seed ^ 0x5DEE_CE66, params.progress),
    ];
    let steps = chains::run(&mut chains, params.threads, ROUND, stop);
    outcome(&chains, steps)
}

fn outcome(chains: &[ProjectChain], steps: u64) -> ProjectOutcome {
    let best = chains.iter().filter_map(|chain| chain.best.as_ref());
    let best = best.min_by_key(|best| best.end);
    let is_complete = chains.iter().any(|chain| chain.is_complete);
    let Some(best) = best else {
        if is_complete {
            return ProjectOutcome::infeasible(steps);
        }
        let least = chains.iter().map(|chain| chain.least).max().map(Slot::from);
        return ProjectOutcome { lower_bound: least, steps, ..ProjectOutcome::default() };
    };
    let end = Slot::from(best.end);
    let least = chains.iter().map(|chain| chain.least).max().map(Slot::from);
    ProjectOutcome {
        plan: Some(best.plan.clone()),
        objective: Some(end),
        lower_bound: if is_complete { Some(end) } else { least.map(|least| least.min(end)) },
        infeasible_proved: false,
        steps,
    }
}
