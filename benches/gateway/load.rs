//! Load by `wrk`, on the second core: each connection asks again as soon as it was answered.

use std::path::Path;

use crate::figures::Load;
use crate::gateway::pinned;
use crate::{CONNECTIONS, Outcome, Scale};

/// Requests are made before the clock runs. Statuses that are not expected are counted by wrk.
const SCRIPT: &str = r#"
local requests, sent = {}, 0
function init(arguments)
  for token in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", arguments[2], {
      ["Authorization"] = "Bearer " .. token, ["X-Forwarded-For"] = "203.0.113.7"})
  end
end
function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("FIGURES %d %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)))
end
"#;

/// Asks `path` with the tokens of a file; `at_most` so often, where none of them may come twice.
pub(crate) fn measure(
    name: &str,
    url: &str,
    path: &str,
    tokens: &Path,
    at_most: Option<usize>,
    scale: Scale,
) -> Outcome<Load> {
    let script = tokens.with_extension("lua");
    std::fs::write(&script, SCRIPT)?;
    if at_most.is_none() {
        // What is kept has to be there before it is asked for.
        run(url, path, tokens, &script, 1)?;
    }
    let [requests, microseconds, errors, half, most, nearly_all] =
        run(url, path, tokens, &script, scale.seconds)?;
    if errors > 0.0 {
        return Err(format!("{name}: {errors} of {requests} requests failed").into());
    }
    if at_most.is_some_and(|most| requests > most as f64) {
        return Err(format!("{name}: {requests} requests, more than there are tokens").into());
    }
    Ok(Load {
        name: name.to_owned(),
        per_second: requests / (microseconds / 1e6),
        latencies: [half, most, nearly_all],
    })
}

fn run(url: &str, path: &str, tokens: &Path, script: &Path, seconds: u64) -> Outcome<[f64; 6]> {
    let output = pinned("1", Path::new("wrk"))
        .args(["--threads", "1", "--timeout", "10s"])
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s")])
        .arg("--script")
        .arg(script)
        .arg(url)
        .arg("--")
        .arg(tokens)
        .arg(path)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("FIGURES "))
        .ok_or_else(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    let numbers: Vec<f64> = line.split(' ').map(str::parse).collect::<Result<_, _>>()?;
    numbers.try_into().map_err(|_| "six numbers".into())
}
