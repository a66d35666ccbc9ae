//! The machine that the numbers were measured on.

use std::fs;
use std::thread;

/// Processor, cores, kernel and command line, on one line.
pub(crate) fn facts() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu_model(&cpuinfo).unwrap_or("unknown processor");
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let kernel = rustix::system::uname();
    let command: Vec<String> = std::env::args().collect();
    format!(
        "{model}, {cores} cores, Linux {}: {}",
        kernel.release().to_string_lossy(),
        command.join(" ")
    )
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_that_of_the_first_processor() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Some CPU\nprocessor\t: 1\nmodel name\t: B\n";
        assert_eq!(cpu_model(cpuinfo), Some("Some CPU"));
        assert_eq!(cpu_model(""), None);
    }
}
