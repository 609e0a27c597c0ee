//! The harness of the integration tests: a real server, real protocols on loopback, people who click.
//!
//! Nothing here sleeps for a fixed time: it awaits an observable — an entry, a state, an answer — with a deadline.
