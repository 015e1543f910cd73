"""Time to `import likewise` and to `likewise --help`: median of many fresh processes.

python bench/start_up.py
"""

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import records

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import likewise": [sys.executable, "-c", "import likewise"],
    "likewise --help": [str(Path(sys.executable).with_name("likewise")), "--help"],
}


def main() -> None:
    rows = {name: seconds(command) for name, command in COMMANDS.items()}
    for name, value in rows.items():
        print(f"{name:<20}{value:.3f} s")
    records.write("start-up", rows)


def seconds(command: list[str], repeats: int = 15) -> float:
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        spent.append(time.perf_counter() - began)
    return median(spent)


if __name__ == "__main__":
    main()
