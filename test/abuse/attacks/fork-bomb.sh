# Group 1, fork bomb: the classic one, and nobody who waits for it.
# Must come out: it is ended at its time limit.
echo "ZF {\"container\":\"$HOSTNAME\",\"at\":$EPOCHREALTIME}"
trap '' TERM
bomb() { bomb | bomb & }
bomb 2>/dev/null
while :; do sleep 1; done 2>/dev/null
