//! The program `yatter`.

fn main() -> std::process::ExitCode {
    server::cli::run()
}
