//! The `highwater` command from outside: what it prints, and how it ends.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions panic too

mod check;
mod configuration;
mod decide;
mod events;
mod explain;
mod replay;
mod run;
mod store;
