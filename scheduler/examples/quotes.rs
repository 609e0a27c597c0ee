//! Measures how long a quote takes on a committed plan, in wall time on this thread. Prints one table row for the planner's
//! answer and one for the tenant's.
//!
//!     cargo run --release -p scheduler --example quotes -- INSTANCE PLAN [QUOTES]
//!
//! What is asked for are batches of the instance once more, evenly taken from the whole of it, on a plan that holds them all.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and ends at the first thing that is wrong"
)]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use scheduler::{
    Answer, Committed, Problem, Request, StartGrid, TenantAnswer, quote, quote_for_tenant, read_facility, read_solution,
};

/// Quotes, unless the command line names another number.
const QUOTES: usize = 2_000;
/// Hours between the starts that a tenant is offered.
const SHIFT: i64 = 8;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [instance, plan, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: quotes INSTANCE PLAN [QUOTES]");
        return;
    };
    let count: usize = rest.first().map_or(QUOTES, |count| count.parse().unwrap());
    let spec = read_facility(&std::fs::read_to_string(instance).unwrap()).unwrap();
    let problem = Problem::new(&spec).unwrap();
    let plan = read_solution(&problem, &std::fs::read_to_string(plan).unwrap()).unwrap();
    let requests: Vec<Request> = (0..count)
        .map(|number| {
            let mut batch = spec.batches.get(number * spec.batches.len() / count).unwrap().clone();
            batch.id = format!("Q-{number}");
            Request::new(&problem, &batch).unwrap()
        })
        .collect();
    let committed = Committed::new(problem, plan).unwrap();
    let grid = StartGrid::new(SHIFT, vec![0]).unwrap();
    println!("| answer | quotes | offered | p50 | p99 | longest |\n|---|---|---|---|---|---|");
    table_row("planner's", &requests, |request| matches!(black_box(quote(&committed, request)), Answer::Offers(_)));
    table_row("tenant's", &requests, |request| {
        matches!(black_box(quote_for_tenant(&committed, request, &grid)).0, TenantAnswer::Offers(_))
    });
}

fn table_row(name: &str, requests: &[Request], ask: impl Fn(&Request) -> bool) {
    let mut took: Vec<Duration> = Vec::with_capacity(requests.len());
    let mut offered = 0;
    for request in requests {
        let began = Instant::now();
        offered += usize::from(ask(request));
        took.push(began.elapsed());
    }
    took.sort();
    let at = |share: usize| took.get((took.len() * share / 100).min(took.len() - 1)).unwrap().as_secs_f64() * 1000.0;
    println!("| {name} | {} | {offered} | {:.2} ms | {:.2} ms | {:.2} ms |", took.len(), at(50), at(99), at(100));
}
