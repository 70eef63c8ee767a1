# Group 5, a sleep past the deadline that ignores TERM, in a process group and a session of its own.
# Must come out: it is ended at its time limit, by KILL.
echo "ZF {\"container\":\"$HOSTNAME\",\"at\":$EPOCHREALTIME}"
trap '' TERM INT HUP
setsid bash -c "trap '' TERM INT HUP; while :; do sleep 100; done" &
while :; do sleep 100; done
