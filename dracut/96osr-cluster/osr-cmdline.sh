#!/bin/sh
# cmdline: tell dracut that the root is ours, so that it asks for no root=.
# Accepts: rd.osr=0; root=nfs:..., nfs4:... (mounted by the agent); any other root= is left to dracut.

type osr_wanted > /dev/null 2>&1 || . /lib/osr-lib.sh

osr_wanted || return 0
case "$root" in
    "" | nfs:* | nfs4:* | /dev/nfs:*)
        root=osr
        rootok=1
        netroot=""
        # The agent's mounts need no rpcbind, statd or idmapd. Before 110 dracut starts them all the same.
        rm -f -- "$hookdir"/pre-udev/*nfs-start-rpc.sh
        ;;
esac
