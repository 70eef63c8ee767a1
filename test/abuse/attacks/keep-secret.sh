# Group 13, a secret: reads it from its standard input, has a marker that is no secret as its argument, and stays for a while.
# Must come out: it has the secret, by its hash; on the host and in the container the marker is seen and the secret is not.
echo "ZF {\"container\":\"$HOSTNAME\",\"at\":$EPOCHREALTIME}"
IFS= read -r secret
echo "ZF {\"sha256\":\"$(printf %s "$secret" | sha256sum | cut -d' ' -f1)\",\"marker\":\"$1\"}"
sleep "$2"
echo "ZF {\"kept\":true}"
