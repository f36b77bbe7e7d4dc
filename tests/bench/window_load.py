#!/usr/bin/env python3
"""The window under load: frame times while training on all cores, with software rendering.

For each scenario and size it lets the window train, moves the pointer over it all the time (a window that nobody
touches draws only when a step has brought something new), and asks it for its own frame times. Needs an X display
with a software renderer, and xdotool:

    cmake --preset release && cmake --build build/release
    xvfb-run -a -s "-screen 0 1920x1080x24" python3 tests/bench/window_load.py

Columns, ms: build is the window's own work of a frame (its processor time and its wall time), total the same with
drawing and showing, frame the time from one frame to the next. `--views` opens every view in turn by a click on its
tab instead, in the heaviest scenario. `--soak MINUTES` samples the memory of one window that is led from view to view; the states that a run
can go back to grow until they reach the bound in the File menu's settings, and are told apart.
"""
import argparse, json, os, subprocess, sys, time

LARGEST_SCENARIO = "digits-cnn"
SOAK_VIEW_SECONDS = 20


class Window:
    def __init__(self, program, *options):
        self.started = time.monotonic()
        self.process = subprocess.Popen([program, "--drive", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(f"{line}: {answer['error']}")
        return answer

    def close(self):
        self.ask("quit")
        self.process.wait(timeout=60)

    def views(self):
        """Ids of the panels that share a tile, from those of their tabs."""
        return [name.removeprefix("tab/") for name in self.ask("ids tab/")["ids"]]

    def show(self, view):
        """A click on its tab. The button stays down until frames have seen it."""
        left, top, right, bottom = self.ask(f"rect tab/{view}")["rect"]
        xdotool("mousemove", int(left + right) // 2, int(top + bottom) // 2)
        self.ask("wait_frames 2")
        xdotool("mousedown", 1)
        self.ask("wait_frames 2")
        xdotool("mouseup", 1)
        self.ask("wait_frames 3")
        self.ask(f"rect tile/{view}")  # refused where it is not the one shown

    def cpu_seconds(self):
        """Processor time of the whole process."""
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self):
        return int(open(f"/proc/{self.process.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True)


def spreads(times):
    parts = [times[part] for part in ("interval_ms", "total_ms", "build_ms", "build_cpu_ms")]
    return " ".join(f"{part['median']:7.1f} {part['p99']:7.1f} {part['maximum']:7.1f}" for part in parts)


def move_pointer(size, seconds):
    """Wanders over the window, 25 times a second."""
    width, height = map(int, size.split("x"))
    moves = []
    for i in range(int(seconds * 25)):
        moves += ["mousemove", str(width // 8 + 37 * i % (3 * width // 4)), str(height // 8 + 23 * i % (3 * height // 4)), "sleep", "0.04"]
    return subprocess.Popen(["xdotool", *moves])


def frame_times(window, size, seconds):
    """Of frames under a moving pointer."""
    pointer = move_pointer(size, seconds + 1)
    time.sleep(0.5)
    window.ask("frame_times")
    time.sleep(seconds)
    times = window.ask("frame_times")
    pointer.wait()
    return times


def measure(program, scenario, size, seconds):
    window = Window(program, "--size", size, "--scenario", scenario)
    window.ask("wait_step 2")
    first_curve = time.monotonic() - window.started
    time.sleep(3)
    times = frame_times(window, size, seconds)
    shares = [window.ask(f"value status/{name}")["value"].split()[-1] for name in ("telemetry", "shadow", "validation")]
    step = window.ask("snapshot")["step"]
    window.close()
    print(f"{scenario:12} {size:9} {times['frames'] / seconds:5.0f} {spreads(times)}"
          f" {first_curve:6.2f} {step:7} {' '.join(f'{share:>6}' for share in shares)}", flush=True)


def measure_views(program, scenario, size, seconds):
    """Frame times of each view alone; a view is given two seconds to fill first."""
    window = Window(program, "--size", size, "--scenario", scenario)
    window.ask("wait_step 20")
    for view in window.views():
        window.show(view)
        time.sleep(2)
        times = frame_times(window, size, seconds)
        print(f"{view:12} {size:9} {times['frames'] / seconds:5.0f} {spreads(times)}", flush=True)
    window.close()


def measure_pause(program, seconds):
    window = Window(program, "--size", "1280x800", "--paused")
    window.ask("wait_frames 3")
    time.sleep(3)
    before = window.cpu_seconds()
    time.sleep(seconds)
    used = window.cpu_seconds() - before
    window.close()
    print(f"paused: {100 * used / seconds:.1f}% of one core")


def soak(program, scenario, minutes):
    window = Window(program, "--size", "1280x800", "--scenario", scenario)
    window.ask("wait_step 10")
    started = time.monotonic()
    views, seen, printed = window.views(), 0, -1e9
    while time.monotonic() - started < 60 * minutes:
        view = views[seen % len(views)]
        window.show(view)
        time.sleep(SOAK_VIEW_SECONDS)
        seen += 1
        if time.monotonic() - printed < 60 * minutes / 40:
            continue
        printed = time.monotonic()
        frame = window.ask("frame_times")["total_ms"]["maximum"]
        kept = float(window.ask("value time/kept_bytes")["value"]) / 2**20
        print(f"{(printed - started) / 60:6.1f} min  step {window.ask('snapshot')['step']:8}  {window.resident_mib():8.1f} MiB"
              f" ({kept:5.1f} of it states to go back to)"
              f"  longest frame {frame:6.1f} ms  {seen:5} views, now {view}", flush=True)
    window.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", default="build/release/bin/halfscope")
    parser.add_argument("--scenarios", default="spiral-mlp,image-fit,char-gru,digits-cnn")
    parser.add_argument("--sizes", default="1280x800,1920x1080")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--views", action="store_true")
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    options = parser.parse_args()
    if options.soak:
        return soak(options.window, options.scenarios.split(",")[0], options.soak)
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    columns = " ".join(["%7s %7s %7s" % ("median", "p99", "max")] * 4)
    print(f"{'':12} {'':9} {'':>5} {'frame':^23} {'total':^23} {'build':^23} {'build, processor':^23}")
    if options.views:
        print(f"{'view':12} {'size':9} {'fps':>5} {columns}")
        for size in options.sizes.split(","):
            measure_views(options.window, LARGEST_SCENARIO, size, options.seconds)
        return
    print(f"{'scenario':12} {'size':9} {'fps':>5} {columns} {'curve s':>6} {'steps':>7} {'telem.':>6} {'shadow':>6} {'valid.':>6}")
    for scenario in options.scenarios.split(","):
        for size in options.sizes.split(","):
            measure(options.window, scenario, size, options.seconds)
    measure_pause(options.window, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
