#!/bin/sh
# shutdown: the root is unmounted; leave the cluster, so that the other nodes see a leave and not a death.
# dracut has put the running system's /run there.

for _osr_service in dlm_controld/dlm_controld corosync; do
    read -r _osr_pid 2> /dev/null < "/oldsys/run/$_osr_service.pid" || continue
    kill "$_osr_pid" 2> /dev/null || continue
    _osr_left=50
    while [ -e "/proc/$_osr_pid" ] && [ $_osr_left -gt 0 ]; do
        sleep 0.2
        _osr_left=$((_osr_left - 1))
    done
    [ -e "/proc/$_osr_pid" ] && warn "osr: ${_osr_service##*/} does not end: is the root still mounted?"
done
