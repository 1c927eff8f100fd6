//! How much memory this process may use.
//!
//! Beyond a control group's limit the kernel kills it without a word; beyond a resource limit and
//! that of the machine allocations fail.

use std::path::Path;
use std::{fmt, fs};

#[cfg(unix)]
use rustix::process::{Resource, getrlimit};

use crate::util::text::bytes;

/// The least of the limits that hold for this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Memory {
    /// In bytes.
    pub bytes: u64,
    /// What it is the limit of, to stand before the bytes.
    pub of: &'static str,
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.of, bytes(self.bytes))
    }
}

impl Memory {
    /// That of this process, as far as the system tells.
    pub fn of_process() -> Option<Self> {
        let files = of_files(Path::new("/"));
        files.into_iter().chain(resource_limits()).min()
    }
}

/// The limits that Linux tells in files.
fn of_files(root: &Path) -> Vec<Memory> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let groups = groups.lines().flat_map(|line| of_group(root, line));
    let groups = groups.min().map(|bytes| Memory {
        bytes,
        of: "this process in its control group (a container, a batch job) of",
    });
    let machine = fs::read_to_string(root.join("proc/meminfo"));
    let machine = machine
        .ok()
        .and_then(|text| proc_bytes(&text, "MemTotal"))
        .map(|bytes| Memory {
            bytes,
            of: "this machine with its",
        });
    machine.into_iter().chain(groups).collect()
}

/// Bytes in a line such as `MemTotal: 16318480 kB`, which files in `/proc` have.
pub fn proc_bytes(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// The limits of a control group and of those that it is in, by its line in `/proc/self/cgroup`:
/// `0::/a/b` of version 2, `4:memory:/a/b` of version 1. Where the process sees no more than its own
/// part of the tree, that is at the root.
fn of_group(root: &Path, line: &str) -> Vec<u64> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
        return Vec::new();
    };
    let (folder, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let groups = Path::new(path).ancestors().map(|group| {
        let group = group.strip_prefix("/").unwrap_or(group);
        let limit = fs::read_to_string(root.join(folder).join(group).join(file)).ok()?;
        // `max` for none.
        limit.trim().parse().ok()
    });
    groups.flatten().collect()
}

/// The limits that `ulimit` sets.
fn resource_limits() -> impl Iterator<Item = Memory> {
    let limits = [
        (address_space(), "this process under its `ulimit -v` of"),
        (data(), "this process under its `ulimit -d` of"),
    ];
    let limits = limits.into_iter();
    limits.filter_map(|(bytes, of)| bytes.map(|bytes| Memory { bytes, of }))
}

/// Bytes of address space that this process may have, if they are limited.
pub fn address_space() -> Option<u64> {
    #[cfg(unix)]
    return getrlimit(Resource::As).current;
    #[cfg(not(unix))]
    None
}

/// Bytes of data that this process may have, if they are limited.
fn data() -> Option<u64> {
    #[cfg(unix)]
    return getrlimit(Resource::Data).current;
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:       16318480 kB\nMemFree:          123456 kB\n";

    /// Folders and files as the kernel shows them.
    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn least(files: &[(&str, &str)]) -> Option<u64> {
        let limits = of_files(tree(files).path());
        limits.into_iter().min().map(|memory| memory.bytes)
    }

    #[test]
    fn without_groups_it_is_the_machines() {
        assert_eq!(least(&[]), None);
        assert_eq!(least(&[("proc/meminfo", MEMINFO)]), Some(16_318_480 << 10));
        assert_eq!(least(&[("proc/meminfo", "MemTotal: many\n")]), None);
    }

    #[test]
    fn version_2_counts_the_groups_that_it_is_in() {
        let group = ("proc/self/cgroup", "0::/user.slice/job:1\n");
        let max = ("sys/fs/cgroup/user.slice/job:1/memory.max", "max\n");
        let outer = ("sys/fs/cgroup/user.slice/memory.max", "1073741824\n");
        let inner = ("sys/fs/cgroup/user.slice/job:1/memory.max", "536870912\n");
        let machine = ("proc/meminfo", MEMINFO);
        assert_eq!(least(&[machine, group, max]), Some(16_318_480 << 10));
        assert_eq!(least(&[machine, group, max, outer]), Some(1 << 30));
        assert_eq!(least(&[machine, group, inner, outer]), Some(1 << 29));
    }

    /// In a container the group's path is that of the host, but its own files are at the root.
    #[test]
    fn a_container_sees_its_group_at_the_root() {
        let group = ("proc/self/cgroup", "0::/docker/0123abcd\n");
        let limit = ("sys/fs/cgroup/memory.max", "268435456\n");
        assert_eq!(least(&[group, limit]), Some(1 << 28));
        let group = ("proc/self/cgroup", "0::/../other\n");
        assert_eq!(least(&[group, limit]), Some(1 << 28));
    }

    #[test]
    fn version_1_has_a_tree_for_the_memory() {
        let groups = (
            "proc/self/cgroup",
            "5:cpu,cpuacct:/x\n4:hugetlb,memory:/a/b\n0::/c\n",
        );
        let none = (
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        let outer = (
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
            "134217728\n",
        );
        let machine = ("proc/meminfo", MEMINFO);
        assert_eq!(least(&[machine, groups, none]), Some(16_318_480 << 10));
        assert_eq!(least(&[machine, groups, none, outer]), Some(1 << 27));
    }
}
