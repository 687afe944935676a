//! The intake from outside: the real program, with transmitters and a Graph of our own.

#![allow(clippy::unwrap_used)] // helpers outside of #[test] functions panic too

mod decisions;
mod fake_graph;
mod gateway;
mod graph;
mod keys;
mod poll;
mod push;
mod stream;
mod transmitter;
mod vectors;
mod watch;
