//! The `highwater` command: see the library beside it.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    highwater_cli::main()
}
