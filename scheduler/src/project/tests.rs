//! What is claimed of the search for projects: it agrees with trying everything, every plan is
//! legal, and a number of steps gives the same on any number of threads.

use proptest::prelude::*;

use super::*;
use crate::stop::{Params, Stop};

/// A project with few plans: up to four activities, up to two modes each, lags both ways.
fn small() -> impl Strategy<Value = Project> {
    let mode = (0i64..4, 0u32..4, 0u32..3, 0u32..4).prop_map(|(duration, one, two, stock)| ProjectMode {
        duration,
        renewable: vec![one, two],
        non_renewable: vec![stock],
    });
    let activity = proptest::collection::vec(mode, 1..3).prop_map(|modes| ProjectActivity { modes });
    let activities = proptest::collection::vec(activity, 1..5);
    let lag = (0usize..4, 0usize..4, any::<bool>(), -5i64..4);
    (activities, proptest::collection::vec(lag, 0..5), 1u32..4, 1u32..3, 2u32..10).prop_map(
        |(activities, lags, one, two, stock)| {
            let count = activities.len();
            let lags = lags.into_iter().map(|(from, to, is_end, least)| ProjectLag {
                from: from % count,
                to: to % count,
                after: if is_end { LagFrom::End } else { LagFrom::Start },
                least,
            });
            let lags = lags.filter(|lag| lag.from != lag.to).collect();
            let (renewable, non_renewable) = (vec![one, two], vec![stock]);
            Project::new(ProjectSpec { renewable, non_renewable, activities, lags }).unwrap()
        },
    )
}

/// The same with one mode each and plain precedence only.
fn plain(project: &Project) -> Project {
    let mut spec = project.spec().clone();
    for activity in &mut spec.activities {
        activity.modes.truncate(1);
    }
    for lag in &mut spec.lags {
        (lag.from, lag.to) = (lag.from.min(lag.to), lag.from.max(lag.to));
        (lag.after, lag.least) = (LagFrom::End, lag.least.max(0));
    }
    Project::new(spec).unwrap()
}

/// The least end of all plans, by trying every mode and start; past the horizon as well.
fn by_trying(project: &Project) -> Option<i64> {
    fn lags_hold(project: &Project, plan: &ProjectPlan) -> bool {
        let done = plan.starts.len();
        project.spec().lags.iter().filter(|lag| lag.from < done && lag.to < done).all(|lag| {
            let mode = &project.spec().activities[lag.from].modes[plan.modes[lag.from]];
            let since = if lag.after == LagFrom::End { mode.duration } else { 0 };
            plan.starts[lag.to] >= plan.starts[lag.from] + since + lag.least
        })
    }
    fn go(project: &Project, plan: &mut ProjectPlan, best: &mut Option<i64>) {
        let at = plan.starts.len();
        if at == project.spec().activities.len() {
            if check_project(project, plan).is_empty() {
                let end = project_end(project, plan).unwrap();
                *best = Some(best.map_or(end, |best| best.min(end)));
            }
            return;
        }
        for (mode, known) in project.spec().activities[at].modes.iter().enumerate() {
            let last = best.map_or(project.horizon() + 2, |best| best - 1) - known.duration;
            for start in 0..=last {
                plan.starts.push(start);
                plan.modes.push(mode);
                if lags_hold(project, plan) {
                    go(project, plan, best);
                }
                plan.starts.pop();
                plan.modes.pop();
            }
        }
    }
    let mut best = None;
    go(project, &mut ProjectPlan::default(), &mut best);
    best
}

/// A larger project of our own making: a grid of activities with two kinds of people.
fn grid(rows: usize, columns: usize, seed: u64, has_modes: bool) -> Project {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut spec = ProjectSpec { renewable: vec![4, 5], non_renewable: vec![], ..ProjectSpec::default() };
    if has_modes {
        spec.non_renewable.push((rows * columns * 7) as u32);
    }
    for row in 0..rows {
        for column in 0..columns {
            let at = spec.activities.len();
            let mut mode = |duration| ProjectMode {
                duration,
                renewable: vec![rng.u32(0..4), rng.u32(1..5)],
                non_renewable: if has_modes { vec![rng.u32(0..8)] } else { vec![] },
            };
            let modes = if has_modes { vec![mode(3), mode(6)] } else { vec![mode(5)] };
            spec.activities.push(ProjectActivity { modes });
            if column > 0 {
                spec.lags.push(ProjectLag { from: at - 1, to: at, after: LagFrom::End, least: rng.i64(0..3) });
                spec.lags.push(ProjectLag { from: at, to: at - 1, after: LagFrom::Start, least: -rng.i64(20..40) });
            }
            if row > 0 && rng.bool() {
                spec.lags.push(ProjectLag { from: at - columns, to: at, after: LagFrom::Start, least: 1 });
            }
        }
    }
    Project::new(spec).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_complete_search_agrees_with_trying_everything(project in small(), is_plain in any::<bool>(), seed in 0u64..4) {
        let project = if is_plain { plain(&project) } else { project };
        let outcome = solve_project(&project, &Params::default(), seed, Stop::after(20_000));
        let best = by_trying(&project);
        prop_assert_eq!(outcome.objective, best);
        prop_assert_eq!(outcome.infeasible_proved, best.is_none());
        prop_assert_eq!(outcome.lower_bound, best);
        if let Some(plan) = &outcome.plan {
            prop_assert_eq!(check_project(&project, plan), vec![]);
            prop_assert_eq!(project_end(&project, plan), best);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn steps_and_seed_decide_on_any_number_of_threads(seed in any::<u64>(), steps in 1u64..1500, modes in any::<bool>()) {
        let project = grid(4, 6, seed, modes);
        let run = |threads| {
            let params = Params { threads, ..Params::default() };
            solve_project(&project, &params, seed, Stop::after(steps))
        };
        let one = run(1);
        prop_assert_eq!(&one, &run(2));
        prop_assert!(one.steps <= steps);
        if let Some(plan) = &one.plan {
            prop_assert_eq!(check_project(&project, plan), vec![]);
            prop_assert_eq!(project_end(&project, plan), one.objective);
            prop_assert!(one.lower_bound <= one.objective);
        }
    }
}

#[test]
fn plain_precedence_is_bred_into_legal_plans() {
    for seed in 0..8 {
        let mut spec = grid(5, 6, seed, false).spec().clone();
        spec.lags.retain(|lag| lag.after == LagFrom::End);
        let project = Project::new(spec).unwrap();
        let mut evolution = super::evolve::Evolution::of(&project).unwrap();
        let (mut rng, mut work, mut last) = (fastrand::Rng::with_seed(seed), 0, i32::MAX);
        for _ in 0..200 {
            if let Some((end, plan)) = evolution.breed(last, &mut rng, &mut work) {
                assert_eq!(check_project(&project, &plan), vec![]);
                assert_eq!(project_end(&project, &plan), Some(end.into()));
                assert!(end < last);
                last = end;
            }
        }
        let best = solve_project(&project, &Params::default(), seed, Stop::after(2000));
        assert!(i64::from(last) >= best.lower_bound.unwrap() && work > 0);
    }
    assert!(super::evolve::Evolution::of(&grid(2, 2, 1, true)).is_none());
}

#[test]
fn a_search_that_is_asked_to_stop_at_once_claims_nothing() {
    let outcome = solve_project(&grid(4, 5, 1, false), &Params::default(), 1, Stop::when(&|| true));
    assert_eq!((outcome.plan, outcome.infeasible_proved), (None, false));
}

#[test]
fn a_project_with_nothing_to_do_ends_at_zero() {
    let project = Project::new(ProjectSpec::default()).unwrap();
    let outcome = solve_project(&project, &Params::default(), 1, Stop::after(100));
    assert_eq!((outcome.objective, outcome.lower_bound), (Some(0), Some(0)));
}

#[test]
fn an_activity_that_needs_more_than_there_is_makes_a_project_impossible() {
    let mode = ProjectMode { duration: 1, renewable: vec![3], non_renewable: vec![] };
    let activities = vec![ProjectActivity { modes: vec![mode] }];
    let project = Project::new(ProjectSpec { renewable: vec![2], activities, ..ProjectSpec::default() }).unwrap();
    assert!(solve_project(&project, &Params::default(), 1, Stop::after(100)).infeasible_proved);
}

#[test]
fn a_number_that_cannot_be_planned_is_refused() {
    let mode = |duration| ProjectActivity { modes: vec![ProjectMode { duration, ..ProjectMode::default() }] };
    let refused = |activities: Vec<ProjectActivity>, lags: Vec<ProjectLag>| {
        Project::new(ProjectSpec { activities, lags, ..ProjectSpec::default() }).unwrap_err()
    };
    assert!(matches!(refused(vec![mode(i64::MAX)], vec![]), ProjectError::Range { .. }));
    assert!(matches!(refused(vec![mode(1 << 28), mode(1)], vec![]), ProjectError::TooLong { .. }));
    assert!(matches!(refused(vec![ProjectActivity::default()], vec![]), ProjectError::NoMode { activity: 0 }));
    let lag = ProjectLag { from: 0, to: 3, after: LagFrom::Start, least: 0 };
    assert!(matches!(refused(vec![mode(1)], vec![lag]), ProjectError::NoActivity { activity: 3, .. }));
}

#[test]
fn each_kind_of_violation_is_named() {
    let project = grid(2, 2, 3, true);
    let plan = solve_project(&project, &Params::default(), 1, Stop::after(2000)).plan.unwrap();
    let found = |change: &dyn Fn(&mut ProjectPlan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        check_project(&project, &plan)
    };
    assert_eq!(found(&|_| {}), vec![]);
    assert_eq!(found(&|plan| _ = plan.starts.pop()), vec![ProjectViolation::Shape]);
    assert_eq!(found(&|plan| plan.modes[1] = 9), vec![ProjectViolation::NoMode { activity: 1 }]);
    assert!(found(&|plan| plan.starts[0] = -1).contains(&ProjectViolation::Start { activity: 0 }));
    let all_at_once = found(&|plan| plan.starts.fill(0));
    assert!(all_at_once.iter().any(|violation| matches!(violation, ProjectViolation::Lag { .. })));
    assert!(all_at_once.iter().any(|violation| matches!(violation, ProjectViolation::Renewable { .. })));
    let mut spec = project.spec().clone();
    spec.non_renewable = vec![0];
    let project = Project::new(spec).unwrap();
    let used = check_project(&project, &plan);
    assert!(matches!(used[..], [ProjectViolation::NonRenewable { resource: 0, .. }]), "{used:?}");
}
