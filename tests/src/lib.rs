//! The harness of the integration tests: a real server, real protocols on loopback, people who click.
//!
//! Nothing here sleeps for a fixed time: it awaits an observable — an entry, a state, an answer — with a deadline. A harness fails
//! loudly: what does not come to pass panics with a sentence that names it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness fails loudly, like a test"
)]

pub mod browser;
pub mod device;
pub mod facility;
pub mod person;
pub mod process;
pub mod team;
pub mod work;

pub use browser::{Browser, Page};
pub use device::Device;
pub use facility::{DEADLINE, Facility, Place, story};
pub use person::Person;
pub use process::{Process, Said, run};
pub use team::Team;
