//! Promises kept to C programs: the interface of h5flac.h, and the plugin inside a real libhdf5.

mod support;

use std::path::Path;
use std::process::Command;
use support::{Workplace, hdf5_flags, plugin, success, text};

fn linked(place: &Workplace, name: &str, arguments: &[&str]) -> std::path::PathBuf {
    let flags = hdf5_flags();
    let all: Vec<&str> =
        flags.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
    place.compile(name, &all)
}

fn passes(command: &mut Command) {
    let output = command.output().expect("a program just compiled");
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("PASS\n"), "{}", text(&output));
}

#[test]
fn every_function_of_the_header_works_and_refuses() {
    let place = Workplace::new("interface");
    let so = place.plugins().join("libh5flac.so");
    let program = place.compile("interface", &[so.to_str().expect("a plain path"), "-lm"]);
    passes(place.run(program).env("LD_LIBRARY_PATH", place.plugins()));
}

#[test]
fn pieces_of_chunks_are_read_from_a_file() {
    let place = Workplace::new("stored");
    let so = place.plugins().join("libh5flac.so");
    let program = place.compile("stored", &[so.to_str().expect("a plain path")]);
    let mut command = place.run(program);
    command.arg(place.folder.join("chunks")).env("LD_LIBRARY_PATH", place.plugins());
    passes(&mut command);
}

#[test]
fn the_header_is_valid_cpp() {
    let place = Workplace::new("cpp");
    let source = place.folder.join("header.cpp");
    std::fs::write(
        &source,
        "#include \"h5flac.h\"\n#include \"h5flac.h\"\nint main() { return 0; }\n",
    )
    .expect("a source file");
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/include");
    for standard in ["-std=c++11", "-std=c++20"] {
        success(
            Command::new("c++")
                .args([standard, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-I"])
                .arg(include)
                .arg(&source),
        );
    }
}

#[test]
fn nothing_but_the_interface_is_exported() {
    let header = include_str!("../include/h5flac.h");
    let mut declared: Vec<String> = header
        .lines()
        .filter(|line| !line.starts_with([' ', '/']))
        .filter_map(|line| line.split_once('('))
        .filter_map(|(before, _)| before.split([' ', '*']).next_back())
        .filter(|name| name.starts_with("h5flac_"))
        .chain(["H5PLget_plugin_info", "H5PLget_plugin_type", "NCZ_get_codec_info"])
        .map(str::to_owned)
        .collect();
    declared.sort();
    let symbols = success(Command::new("nm").args(["-D", "--defined-only"]).arg(plugin()));
    let mut exported: Vec<String> =
        symbols.lines().filter_map(|l| l.split(' ').next_back()).map(str::to_owned).collect();
    exported.sort();
    assert_eq!(exported, declared);
}

#[test]
fn the_plugin_needs_nothing_but_libc_and_stays_loaded() {
    let dynamic = success(Command::new("readelf").arg("-d").arg(plugin()));
    let needed: Vec<&str> = dynamic
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    assert!(
        needed.iter().all(|n| n.starts_with("libc.so") || n.starts_with("ld-linux")),
        "{needed:?}"
    );
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}

#[test]
fn unloading_hdf5_leaves_the_plugin_usable() {
    let place = Workplace::new("unload");
    let program = linked(&place, "unload", &["-lpthread", "-ldl"]);
    let another = place.folder.join("more-plugins");
    std::fs::create_dir(&another).expect("a folder for another plugin");
    std::fs::copy(plugin(), another.join("libh5flac.so")).expect("a copy");
    for threads in ["1", "3"] {
        let mut command = place.run(&program);
        command.arg(place.plugins()).arg(&another);
        passes(command.env("H5FLAC_NUM_THREADS", threads));
    }
}

#[test]
fn forked_children_read_and_write() {
    let place = Workplace::new("fork");
    let program = linked(&place, "fork", &[]);
    for threads in ["1", "3", "auto", "nonsense"] {
        passes(place.run(&program).env("H5FLAC_NUM_THREADS", threads));
    }
}

#[test]
fn the_unwinder_finds_the_host_too() {
    let place = Workplace::new("unwind");
    let program = linked(&place, "fork", &[]);
    passes(place.run(program).env("H5FLAC_HOST", "unwind"));
}

/// Debian's libhdf5.a and what it needs.
fn static_hdf5() -> Vec<String> {
    let mut all = hdf5_flags();
    all.retain(|flag| flag != "-lhdf5");
    all.extend(
        ["-l:libhdf5.a", "-lcrypto", "-lcurl", "-lpthread", "-lsz", "-lz", "-ldl", "-lm"]
            .map(str::to_owned),
    );
    all
}

#[test]
fn a_static_program_with_exported_symbols_is_a_host() {
    let place = Workplace::new("static-exported");
    let mut flags = static_hdf5();
    flags.push("-rdynamic".to_owned());
    let program = place.compile("hostless", &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let so = place.plugins().join("libh5flac.so");
    passes(place.run(program).arg("exported").arg(so));
}

#[test]
fn a_static_program_without_symbols_completes_its_words() {
    let place = Workplace::new("static-silent");
    let flags = static_hdf5();
    let program = place.compile("hostless", &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let so = place.plugins().join("libh5flac.so");
    passes(place.run(program).arg("silent").arg(so));
}

/// Includes HDF5's header, but is linked with no HDF5.
fn pretending(place: &Workplace, name: &str) -> Command {
    let mut flags = hdf5_flags();
    flags.retain(|flag| flag.starts_with("-I"));
    flags.extend(["-rdynamic", "-ldl", "-lpthread"].map(str::to_owned));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut command = place.run(place.compile(name, &flags));
    command.arg(place.plugins().join("libh5flac.so"));
    command
}

#[test]
fn the_plugin_keeps_to_what_hdf5_expects_of_it() {
    let place = Workplace::new("pretend");
    passes(&mut pretending(&place, "pretend"));
    passes(pretending(&place, "pretend").env("H5FLAC_HOST", "unwind"));
}

#[test]
fn calls_without_enough_memory_fail_and_change_nothing() {
    let place = Workplace::new("starve");
    passes(&mut pretending(&place, "starve"));
}

#[test]
fn the_plugin_keeps_to_what_netcdf_expects_of_a_codec() {
    let place = Workplace::new("nczarr");
    let so = place.plugins().join("libh5flac.so");
    let program = place.compile("nczarr", &["-rdynamic", "-ldl"]);
    passes(place.run(&program).arg(&so));
    passes(place.run(&program).arg(&so).env("H5FLAC_HOST", "unwind"));
    let mut command = place.run("valgrind");
    command.args(["--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=9"]);
    passes(command.arg(&program).arg(&so));
    let program = place.compile("nczarr", &["-ldl"]);
    passes(place.run(program).arg(so).arg("silent"));
}

#[test]
fn a_process_may_end_in_any_state() {
    let place = Workplace::new("exit");
    let program = linked(&place, "exit", &["-lpthread", "-ldl"]);
    for threads in ["1", "3"] {
        let mut command = place.run(&program);
        command.arg(place.plugins().join("libh5flac.so"));
        passes(command.env("H5FLAC_NUM_THREADS", threads));
    }
}

#[test]
fn without_memory_or_disk_hdf5_gets_an_error_and_what_was_flushed_stays() {
    let place = Workplace::new("limits");
    let program = linked(&place, "limits", &[]);
    // Small steps are about a chunk; large ones about the addresses that a thread reserves.
    for (what, threads, step) in [
        ("memory", "1", 1 << 19),
        ("memory", "3", 1 << 20),
        ("memory", "3", 1 << 25),
        ("disk", "1", 1 << 17),
    ] {
        let mut command = place.run(&program);
        command.arg(what).arg(step.to_string());
        passes(command.env("H5FLAC_NUM_THREADS", threads));
    }
}

/// Valgrind's word on so many rounds: what is still held at exit.
fn held_after(place: &Workplace, program: &Path, rounds: u32) -> String {
    let mut command = place.run("valgrind");
    command.args(["--leak-check=full", "--errors-for-leak-kinds=definite", "--error-exitcode=9"]);
    let output = command.arg(program).arg(rounds.to_string()).output().expect("valgrind");
    let told = text(&output);
    assert!(output.status.success(), "{told}");
    let held = told.lines().find_map(|line| line.split_once("in use at exit: "));
    held.unwrap_or_else(|| panic!("{told}")).1.to_owned()
}

#[test]
fn no_chunk_leaves_memory_behind_or_touches_what_is_not_its_own() {
    let place = Workplace::new("loop");
    let program = linked(&place, "loop", &[]);
    assert_eq!(held_after(&place, &program, 1), held_after(&place, &program, 2));
}
