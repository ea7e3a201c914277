# Every target installs what it needs and does not have: Debian packages through apt
# (scripts/system-packages), Python packages into folders .venv* (scripts/python-packages).

export CARGO_TARGET_DIR := $(CURDIR)/target

PLUGIN := target/plugin/libh5flac.so
WITH_PLUGIN := PATH="$(CURDIR)/.venv/bin:$$PATH" HDF5_PLUGIN_PATH="$(CURDIR)/target/plugin"
NEXTEST := $(shell command -v cargo-nextest)

# The core's tests again, of the same build, but for one that measures memory.
SCALAR := $(if $(NEXTEST),nextest run --workspace --locked -E 'package(=h5flac) - test(a_call_holds)',test --all-targets -p h5flac --locked -- --skip a_call_holds)

# libhdf5-dev brings the libraries that a statically linked libhdf5 wants.
FOR_PLUGIN := build-essential
FOR_DEMO := $(FOR_PLUGIN) hdf5-tools
FOR_BENCH := $(FOR_PLUGIN) cmake
FOR_FUZZ := $(FOR_PLUGIN) cmake
FOR_TEST := $(FOR_DEMO) cmake flac libhdf5-dev netcdf-bin openmpi-bin pkg-config python3-h5py-mpi \
    python3-mpi4py valgrind

# Hours that `make soak` takes.
HOURS := 4

.PHONY: help plugin wheel demo test test-package check check-fuzz soak bench clean
.DELETE_ON_ERROR:

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

plugin: ## build target/plugin/libh5flac.so, the filter for HDF5_PLUGIN_PATH
	@scripts/system-packages $(FOR_PLUGIN)
	cargo build --release --locked --package h5flac-plugin
	install -D -m 755 target/release/libh5flac_plugin.so $(PLUGIN)

wheel: .venv/ready ## build target/wheel/*.whl, the Python package with the plugin inside
	@scripts/system-packages $(FOR_PLUGIN)
	rm -rf target/wheel
	.venv/bin/pip wheel --quiet --no-deps --wheel-dir target/wheel ./python

demo: plugin .venv/ready ## compress real recordings, show what comes back and what it costs
	@scripts/system-packages $(FOR_DEMO)
	$(WITH_PLUGIN) python h5-examples/demo.py demo-output

test: plugin test-package .venv/ready ## run every test: Rust, the examples, Python
	@scripts/system-packages $(FOR_TEST)
	cargo $(if $(NEXTEST),nextest run,test --all-targets) --workspace --locked
	H5FLAC_KERNELS=scalar cargo $(SCALAR)
	cargo test --workspace --locked --doc
	target/debug/examples/array
	$(WITH_PLUGIN) h5-examples/run
	$(WITH_PLUGIN) pytest tests/python

test-package: wheel .venv-oldest/ready .venv-newest/ready ## test the wheel with the oldest and newest h5py
	@scripts/system-packages $(FOR_TEST)
	.venv-oldest/bin/pip install --quiet --no-deps --force-reinstall target/wheel/*.whl
	.venv-newest/bin/pip install --quiet --no-deps --force-reinstall target/wheel/*.whl
	.venv-oldest/bin/pytest python/tests/core
	PATH="$(CURDIR)/.venv-newest/bin:$$PATH" pytest python/tests

check: .venv/ready ## check format, lints and documentation
	@scripts/system-packages $(FOR_TEST)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked
	.venv/bin/ruff check
	.venv/bin/ruff format --check

check-fuzz: ## fuzz each target for 20 seconds, with AddressSanitizer
	@scripts/system-packages $(FOR_FUZZ)
	scripts/fuzz 20

soak: plugin .venv/ready ## tests with far more cases and other seeds, and fuzzing; HOURS=4
	@scripts/system-packages $(FOR_TEST)
	$(WITH_PLUGIN) scripts/soak $(HOURS)

bench: plugin wheel .venv-bench/ready ## measure speed and size beside other codecs; ARGS="--quick", ARGS="--help"
	@scripts/system-packages $(FOR_BENCH)
	.venv-bench/bin/pip install --quiet --no-deps --force-reinstall target/wheel/*.whl
	.venv-bench/bin/python benches $(ARGS)

clean: ## remove everything built or installed here
	rm -rf target .venv .venv-bench .venv-oldest .venv-newest demo-output

.venv/ready: scripts/python-packages tests/python/requirements.txt tests/python/constraints.txt
	scripts/python-packages .venv tests/python/requirements.txt
	@touch $@

.venv-oldest/ready: scripts/python-packages python/tests/oldest.txt
	scripts/python-packages .venv-oldest python/tests/oldest.txt
	@touch $@

.venv-newest/ready: scripts/python-packages python/tests/newest.txt python/tests/constraints.txt
	scripts/python-packages .venv-newest python/tests/newest.txt
	@touch $@

.venv-bench/ready: scripts/python-packages benches/requirements.txt benches/constraints.txt
	scripts/python-packages .venv-bench benches/requirements.txt
	@touch $@
