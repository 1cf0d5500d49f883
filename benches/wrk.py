"""The load generator: requests from a file, walked in order or at random."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """
local requests, next, at_random = {}, 0, %(at_random)s
for text in io.open("%(file)s"):read("*a"):gmatch("(.-\\r\\n\\r\\n)") do
  requests[#requests + 1] = text
end
function init(arguments)
  next = tonumber(arguments[1])
  math.randomseed(next)
end
if #requests == 1 then
  request = function() return requests[1] end
elseif at_random then
  request = function() return requests[math.random(#requests)] end
else
  request = function()
    next = next %% #requests + 1
    return requests[next]
  end
end
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('\\n{"requests": %%d, "microseconds": %%d, "failed": %%d, "p50": %%d, "p99": %%d}\\n',
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    script: Path
    url: str
    connections: int
    cores: str

    def run(self, seconds: int, start: int) -> dict:
        """`start`: where in the list to begin, or the seed."""
        wrk = ["wrk", "-t1", f"-c{self.connections}", f"-d{seconds}s", "-s", str(self.script)]
        command = ["taskset", "-c", self.cores, *wrk, self.url, "--", str(start)]
        said = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
        told = json.loads(said.splitlines()[-1])
        if told["failed"] or not told["requests"]:
            raise RuntimeError(f"{told['failed']} of {told['requests']} requests failed:\n{said}")
        return told


def write_script(folder: Path, requests: list[str], at_random: bool) -> Path:
    listed, script = folder / "requests", folder / "requests.lua"
    listed.write_text("".join(requests), newline="")
    script.write_text(SCRIPT % {"file": listed, "at_random": str(at_random).lower()})
    return script
