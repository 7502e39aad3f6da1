"""The lab: real machines in QEMU, without privileges, for tests, demo and benchmark.

    errors         what can go wrong
    namespace      programs run as root of a user namespace; is this host ready?
    cache          artefacts under a hash of what went into them
    tree           the Debian root tree (mmdebstrap)
    overlay        work on the tree without changing it
    drivers        a small /lib/modules, so that an image takes seconds
    image          initrds: any dracut command run in the tree with the project laid over it
    disks          ext4 disks from the tree, throw-away overlays
    accelerator    KVM where it works, else TCG
    console, channel, machine   one QEMU machine: what it says, what it is told, what it is made of
    server         the NFS server machine, saved when ready
    lab            a server and its nodes, for a `with` block
    guest/         what runs inside: the command channel, the preparation of the disks

`python3 -m tests.lab` lets a person play with it.
"""
