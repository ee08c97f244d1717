package hello;

import org.apache.catalina.util.ServerInfo;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

@RestController
public class HelloController {
    @GetMapping("/")
    public String hello(@RequestParam(defaultValue = "World") String name) {
        return "Hello " + name + ", from Spring in " + ServerInfo.getServerInfo() + " on Java "
                + System.getProperty("java.version") + " as " + System.getProperty("user.name") + "\n";
    }
}
