"""`python -m cleanroom_emulator`: starts the emulator in the foreground until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

import yaml

from .call_log import CallLog
from .faults import FaultScript
from .settings import Pending, Settings


def main(argv: list[str] | None = None) -> int:
    options = _parse(argv)
    try:
        pending = Pending.parse(options.pending)
        faults = FaultScript(yaml.safe_load(options.faults.read_text()) if options.faults else [])
    except (ValueError, OSError, yaml.YAMLError) as error:
        print(f"cleanroom_emulator: {error}", file=sys.stderr)
        return 2
    settings = Settings(state_dir=options.state_dir.resolve(), latency_ms=options.latency_ms, pending=pending)

    # Loaded late: moto takes a while, and a wrong option should be told at once.
    from .server import build_server, write_ready_file

    server = build_server(options.host, options.port, settings, CallLog(options.log), faults)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if options.ready_file:
        write_ready_file(options.ready_file, settings.endpoint)
    else:
        print(settings.endpoint, flush=True)
    server.serve_forever()
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="cleanroom_emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--ready-file", type=Path, help="written as {endpoint, pid} when calls are answered")
    parser.add_argument("--state-dir", type=Path, required=True, help="volumes, snapshots and machine directories")
    parser.add_argument("--log", type=Path, help="one JSON line per AWS call")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to every AWS call")
    parser.add_argument("--pending", default="", help="snapshot=S,volume=S,instance=S in seconds")
    parser.add_argument("--faults", type=Path, help="YAML list of fault rules")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
