/**
 * A web server in Perl, which every Debian has; its argument is a port. Says what it was asked, and by whom, with the checksum of the
 * body; `/zeros/N` is N bytes; a websocket comes back as an echo.
 */
export const webServer = `use IO::Socket::IP; $SIG{CHLD}="IGNORE"; my $p=shift; my $s=IO::Socket::IP->new(LocalHost=>"::",LocalPort=>$p,Listen=>999,ReuseAddr=>1,V6Only=>0) or die;
while(my $c=$s->accept){ next if fork; binmode $c; my ($h,$n)=("",0); while(<$c>){ $h.=$_; $n=$1 if /^content-length: *(\\d+)/i; last if /^\\r?\\n$/ }
  if($h=~/upgrade: websocket/i){ print $c "HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n"; while(sysread $c,my $m,4096){ syswrite $c,"echo $m" } exit }
  use Digest::SHA; my $d=Digest::SHA->new(256); while($n>0 && (my $r=read $c,my $b,$n>65536?65536:$n)){ $d->add($b); $n-=$r }
  if($h=~m{^GET /zeros/(\\d+)}){ print $c "HTTP/1.1 200 OK\\r\\nContent-Length: $1\\r\\nConnection: close\\r\\n\\r\\n"; my $z="\\0"x65536; my $l=$1; while($l>0){ print $c substr($z,0,$l) ; $l-=65536 } exit }
  my $b="port $p body ".$d->hexdigest."\\n$h"; print $c "HTTP/1.1 200 OK\\r\\nServer: secret/1.0\\r\\nContent-Length: ".length($b)."\\r\\nConnection: close\\r\\n\\r\\n$b"; exit }
continue { close $c }`;
