"""Open Sharedroot: several machines boot from one writable root filesystem.

Text becomes values, values become a list of operations, and only then is the machine touched:

    kernel command line -> Cmdline  (cmdline.py)     \\
    cluster.conf        -> Cluster  (clusterconf.py)  >  plan.py -> [operation, ...] -> execute.py -> System
    /sys, /proc         -> Facts    (facts.py)       /

docs/architecture.md tells where everything is.
"""

__version__ = "0.1.0"
