import Foundation

/// File systems that other hosts write to as well: SQLite's locks are not to be relied on there (sqlite.org/useovernet).
package enum NetworkFileSystem {
  /// As mount(8) names them.
  private static let types: Set<String> = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "ceph", "beegfs", "beegfs_nodev", "afs", "9p", "coda",
    "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.ceph", "fuse.beegfs", "orangefs", "panfs", "wekafs", "ocfs2",
    "gfs2", "virtiofs",
  ]

  /// The type of the network file system that a path lies on; nil on a local one, or where it cannot be told.
  package static func kind(of path: String) -> String? {
    guard let mounts = try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8) else { return nil }
    return kind(of: URL(fileURLWithPath: path).resolvingSymlinksInPath().path, mounts: mounts)
  }

  /// - Parameter mounts: Text of proc_pid_mountinfo(5): `36 35 98:0 /root /mount/point options … - type source …`.
  package static func kind(of path: String, mounts: String) -> String? {
    var best: (length: Int, type: String)?
    for line in mounts.split(separator: "\n") {
      let fields = line.split(separator: " ")
      guard let dash = fields.firstIndex(of: "-"), dash > 5, fields.count > dash + 1 else { continue }
      // A space in the path is written as \040.
      let point = fields[4].replacing("\\040", with: " ")
      guard path == point || path.hasPrefix(point == "/" ? "/" : point + "/") else { continue }
      // Of two mounts on one point the later one is seen.
      if point.utf8.count >= best?.length ?? 0 { best = (point.utf8.count, String(fields[dash + 1])) }
    }
    return best.flatMap { types.contains($0.type) ? $0.type : nil }
  }
}
